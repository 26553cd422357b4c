// An OpenID provider that nobody here wrote, on the loopback: node server.mjs '{"issuer", "port", "clients"}'.
// Any login name signs in (its own forms); access tokens are JWTs (RFC 9068) for the audience "doorward".
import { generateKeyPairSync } from "node:crypto";
import Provider from "oidc-provider";

const { issuer, port, clients } = JSON.parse(process.argv[2]);
const key = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" });

const provider = new Provider(issuer, {
  clients,
  jwks: { keys: [{ ...key, kid: "issuer-key-1", use: "sig", alg: "RS256" }] },
  cookies: { keys: ["only for tests"] },
  claims: { email: ["email", "email_verified"], profile: ["preferred_username", "groups"] },
  // Who signs in as "acme.ann" is of the organization "acme".
  extraTokenClaims: (_ctx, token) => (token.accountId?.includes(".") ? { org: token.accountId.split(".")[0] } : {}),
  conformIdTokenClaims: false,
  async findAccount(_ctx, id) {
    const claims = { sub: id, email: `${id}@doorward.example`, email_verified: true, preferred_username: `the-${id}` };
    if (id.endsWith(".ops")) claims.groups = ["operator"];
    return { accountId: id, claims: async () => claims };
  },
  features: {
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: (_ctx, _client, asked) => asked ?? "urn:doorward:api",
      useGrantedResource: () => true,
      getResourceServerInfo: (_ctx, resource) => ({
        scope: "chat",
        audience: resource === "urn:doorward:api" ? "doorward" : resource,
        accessTokenFormat: "jwt",
        jwt: { sign: { alg: "RS256" } },
      }),
    },
  },
});

provider.listen(port, "127.0.0.1", () => console.log("ready"));
