// A browser that signs in itself and holds the token, in memory alone. On a static page (AWS) there is no server that
// could hold it. In the pattern `direct` it also calls the agent door: the anti-pattern, to be seen, for nothing stands
// between a script on this page and the agent.

import { reach, Refusal, refusalOf } from "./http";
import type { DirectConfig, SignInConfig } from "./wire";

const PENDING = "doorward.direct.pending";
let token: string | null = null;

interface Pending {
  state: string;
  nonce: string;
  verifier: string;
}

export function nameInToken(): string | null {
  const payload = token?.split(".")[1];
  if (!payload) return null;
  const claims = JSON.parse(new TextDecoder().decode(bytes(payload))) as Record<string, unknown>;
  return String(claims.username ?? claims.sub ?? "");
}

export function bearer(): string | null {
  return token;
}

export async function beginSignIn(config: SignInConfig): Promise<void> {
  const pending: Pending = { state: random(), nonce: random(), verifier: random() + random() };
  sessionStorage.setItem(PENDING, JSON.stringify(pending));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(pending.verifier));
  const asked = new URLSearchParams({
    response_type: "code",
    client_id: config.client_id,
    redirect_uri: `${location.origin}/`,
    scope: config.scope ?? "openid email profile",
    state: pending.state,
    nonce: pending.nonce,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: "S256",
  });
  location.assign(`${config.authorize_endpoint}?${asked}`);
}

// Takes the issuer's answer out of the address, if there is one.
export async function finishSignIn(config: SignInConfig): Promise<void> {
  const answer = new URLSearchParams(location.search);
  const pending = JSON.parse(sessionStorage.getItem(PENDING) ?? "null") as Pending | null;
  sessionStorage.removeItem(PENDING);
  if (!answer.has("state")) return;
  history.replaceState(null, "", "/");
  if (!pending || answer.get("state") !== pending.state) {
    throw new Refusal(403, "sign_in_state", "This sign-in was not begun here.");
  }
  if (answer.has("iss") && answer.get("iss") !== config.issuer) {
    throw new Refusal(401, "token_issuer", "The answer comes from another issuer.");
  }
  const code = answer.get("code");
  if (!code) return;
  const exchanged = await reach(config.token_endpoint, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", accept: "application/json" },
    body: new URLSearchParams({
      grant_type: "authorization_code",
      code,
      redirect_uri: `${location.origin}/`,
      client_id: config.client_id,
      code_verifier: pending.verifier,
    }),
    credentials: "omit",
  });
  if (!exchanged.ok) throw await refusalOf(exchanged);
  token = String(((await exchanged.json()) as Record<string, unknown>).access_token);
}

export function signOutDirect(config: SignInConfig): void {
  token = null;
  // OpenID Connect's name for where to go, and Cognito's.
  const back = `${location.origin}/`;
  const asked = new URLSearchParams({ client_id: config.client_id, post_logout_redirect_uri: back, logout_uri: back });
  location.assign(config.end_session_endpoint ? `${config.end_session_endpoint}?${asked}` : "/");
}

export async function invoke(
  config: DirectConfig,
  prompt: string,
  sessionId: string,
  signal: AbortSignal,
): Promise<Response> {
  const url = `${config.agent_door}/runtimes/${encodeURIComponent(config.agent_arn)}/invocations?qualifier=DEFAULT`;
  const answer = await reach(url, {
    method: "POST",
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      accept: "text/event-stream",
      "x-amzn-bedrock-agentcore-runtime-session-id": sessionId,
    },
    body: JSON.stringify({ prompt }),
    credentials: "omit",
    signal,
  });
  if (!answer.ok) throw await refusalOf(answer);
  return answer;
}

export function random(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

function base64url(raw: Uint8Array): string {
  return btoa(String.fromCharCode(...raw)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

function bytes(encoded: string): Uint8Array {
  return Uint8Array.from(atob(encoded.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
}
