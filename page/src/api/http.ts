// Calls to the front door. The session cookie is HttpOnly; what is kept here is only the CSRF token.

// The server said no, with a stable code. `retryAfter` in seconds.
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly retryAfter: number | null = null,
  ) {
    super(detail);
  }
}

// No answer at all: whether the request arrived is not known.
export class Unreachable extends Error {}

export interface Options {
  body?: unknown;
  accept?: string;
  signal?: AbortSignal | undefined;
  key?: string | undefined;
  keepalive?: boolean;
}

const OPERATORS = "/api/operator/";

let csrf: string | null = null;
let base = "";
let bearer: () => string | null = () => null;
let onUnauthenticated = (): void => {};
let renewSession: () => Promise<void> = async () => {};

// Whether a plain link reaches the API: it carries the session's cookie, but no token, and to no other origin.
export function linkable(): boolean {
  return !base;
}

export function useCsrf(token: string | null): void {
  csrf = token;
}

// For a page without a session: where the API is, and the token that opens it.
export function useApi(url: string, token: () => string | null): void {
  base = url.replace(/\/$/, "");
  bearer = token;
}

// What is to happen when a session turns out to be over, and how to find out whose it is now, with its CSRF token.
export function watchSession(ended: () => void, renew: () => Promise<void>): void {
  onUnauthenticated = ended;
  renewSession = renew;
}

export async function call(method: string, path: string, options: Options = {}): Promise<Response> {
  try {
    return await once(method, path, options);
  } catch (error) {
    if (error instanceof Refusal && error.status === 401) onUnauthenticated();
    // The routes of operators do not exist for anybody else: it may no longer be one who asks, or nobody at all.
    if (error instanceof Refusal && error.code === "not_found" && path.startsWith(OPERATORS)) await renewSession();
    // Somebody signed in again in another tab: the session is a new one.
    if (!(error instanceof Refusal && error.code === "csrf_token")) throw error;
    await renewSession();
    return once(method, path, options);
  }
}

export async function json<T>(method: string, path: string, options: Options = {}): Promise<T> {
  const answer = await call(method, path, options);
  return (answer.status === 204 ? null : await answer.json()) as T;
}

async function once(method: string, path: string, options: Options): Promise<Response> {
  const headers: Record<string, string> = { accept: options.accept ?? "application/json" };
  if (options.key) headers["idempotency-key"] = options.key;
  if (method !== "GET" && csrf) headers["x-csrf-token"] = csrf;
  if (options.body !== undefined) headers["content-type"] = "application/json";
  const token = bearer();
  if (token) headers.authorization = `Bearer ${token}`;
  const answer = await reach(base + path, {
    method,
    headers,
    signal: options.signal ?? null,
    body: options.body === undefined ? null : JSON.stringify(options.body),
    credentials: base ? "omit" : "same-origin",
    cache: "no-store",
    keepalive: options.keepalive ?? false,
  });
  if (!answer.ok) throw await refusalOf(answer);
  return answer;
}

export async function reach(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new Unreachable(String(error));
  }
}

export async function refusalOf(answer: Response): Promise<Refusal> {
  let problem: Record<string, unknown> = {};
  try {
    problem = (await answer.json()) as Record<string, unknown>;
  } catch {
    // The body was no JSON; the status has to do.
  }
  const detail = problem.detail ?? problem.message ?? `The server answered ${answer.status}.`;
  const seconds = Number.parseInt(answer.headers.get("retry-after") ?? "", 10);
  return new Refusal(
    answer.status,
    typeof problem.code === "string" ? problem.code : "",
    String(detail),
    Number.isFinite(seconds) ? seconds : null,
  );
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

export function query(path: string, values: Record<string, string | number | null | undefined>): string {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined);
  return given.length ? `${path}?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}` : path;
}
