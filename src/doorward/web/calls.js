// Calls to the front door. The session cookie is HttpOnly; what is kept here is only the CSRF token.

let csrf = null;

export class CallError extends Error {
  constructor(status, code, detail) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

export function useCsrf(token) {
  csrf = token;
}

export async function call(method, path, { body, accept = "application/json", signal, key } = {}) {
  const headers = { accept };
  if (key) headers["idempotency-key"] = key;
  if (method !== "GET" && csrf) headers["x-csrf-token"] = csrf;
  if (body !== undefined) headers["content-type"] = "application/json";
  const answer = await fetch(path, {
    method,
    headers,
    signal,
    body: body === undefined ? undefined : JSON.stringify(body),
    credentials: "same-origin",
    cache: "no-store",
  });
  if (!answer.ok) throw await problemOf(answer);
  return answer;
}

export async function json(method, path, options) {
  const answer = await call(method, path, options);
  return answer.status === 204 ? null : answer.json();
}

export async function problemOf(answer) {
  let problem = {};
  try {
    problem = await answer.json();
  } catch {
    // The body was no JSON; the status has to do.
  }
  const detail = problem.detail || problem.message || `The server answered ${answer.status}.`;
  return new CallError(answer.status, problem.code || "", detail);
}

export function query(path, values) {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined);
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}
