// Pattern `direct`: the browser signs in itself, holds the token and calls the agent door. The anti-pattern, to be seen:
// any script on this page could take the token, and nothing stands between it and the agent.

import { CallError, problemOf } from "/assets/calls.js";

const PENDING = "doorward.direct.pending";
let token = null;

export function claims() {
  return token ? JSON.parse(new TextDecoder().decode(bytes(token.split(".")[1]))) : null;
}

export async function begin(config) {
  const pending = { state: random(), nonce: random(), verifier: random() + random() };
  sessionStorage.setItem(PENDING, JSON.stringify(pending));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(pending.verifier));
  location.assign(`${config.authorize_endpoint}?${new URLSearchParams({
    response_type: "code",
    client_id: config.client_id,
    redirect_uri: `${location.origin}/`,
    scope: "openid email profile",
    state: pending.state,
    nonce: pending.nonce,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: "S256",
  })}`);
}

// Takes the issuer's answer out of the address, if there is one.
export async function finish(config) {
  const answer = new URLSearchParams(location.search);
  const pending = JSON.parse(sessionStorage.getItem(PENDING) || "null");
  sessionStorage.removeItem(PENDING);
  if (!answer.has("state")) return;
  history.replaceState(null, "", "/");
  if (!pending || answer.get("state") !== pending.state) throw new CallError(403, "sign_in_state", "This sign-in was not begun here.");
  if (answer.has("iss") && answer.get("iss") !== config.issuer) throw new CallError(401, "token_issuer", "The answer comes from another issuer.");
  if (!answer.has("code")) return;
  const exchanged = await fetch(config.token_endpoint, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", accept: "application/json" },
    body: new URLSearchParams({
      grant_type: "authorization_code",
      code: answer.get("code"),
      redirect_uri: `${location.origin}/`,
      client_id: config.client_id,
      code_verifier: pending.verifier,
    }),
    credentials: "omit",
  });
  if (!exchanged.ok) throw await problemOf(exchanged);
  token = (await exchanged.json()).access_token;
}

export function signOut(config) {
  token = null;
  if (!config.end_session_endpoint) return location.assign("/");
  const query = new URLSearchParams({ client_id: config.client_id, post_logout_redirect_uri: `${location.origin}/` });
  return location.assign(`${config.end_session_endpoint}?${query}`);
}

export async function invoke(config, prompt, sessionId, signal) {
  const url = `${config.agent_door}/runtimes/${encodeURIComponent(config.agent_arn)}/invocations?qualifier=DEFAULT`;
  const answer = await fetch(url, {
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
  if (!answer.ok) throw await problemOf(answer);
  return answer;
}

function random() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

function base64url(raw) {
  return btoa(String.fromCharCode(...raw)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

function bytes(text) {
  return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
}
