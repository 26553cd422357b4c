// The built-in page: one conversation at a time, an answer as it comes. How a message travels depends on the pattern.

import { call, json, query, useCsrf } from "/assets/calls.js";
import * as direct from "/assets/direct.js";
import { frames, parsed, understood } from "/assets/events.js";
import { at, Bubble, element, problem, show, state } from "/assets/view.js";

let config = null;
const UNNAMED = "New conversation";
let open = { id: null, name: UNNAMED, earlier: null }; // the conversation on the screen
let running = null; // the turn in progress: {turnId, abort, conversation}
let listCursor = null;
let opening = 0; // counts openings, so that a late answer cannot land in another conversation

const hasHistory = () => config.pattern === "conversations";

async function start() {
  config = await json("GET", "/page-config.json");
  at("pattern").textContent = `pattern ${config.pattern}`;
  at("message").maxLength = config.max_message_characters;
  show("direct-note", config.pattern === "direct");
  wire();
  try {
    const name = config.direct ? await directUser() : await sessionUser();
    if (name === null) return show("welcome", true);
    at("who").textContent = name;
    enter();
  } catch (error) {
    show("welcome", true);
    problem(error.message);
  }
}

async function directUser() {
  await direct.finish(config.direct);
  const claims = direct.claims();
  return claims && (claims.username || claims.sub);
}

async function sessionUser() {
  try {
    const me = await json("GET", "/api/me");
    useCsrf(me.csrf_token);
    return me.username;
  } catch (error) {
    if (error.status === 401) return null;
    throw error;
  }
}

function enter() {
  show("rehearsal", config.rehearsal);
  show("sign-out", true);
  show("room", true);
  show("conversations", hasHistory());
  show("menu", hasHistory());
  if (hasHistory()) attempt(() => list());
  at("message").focus();
}

function wire() {
  at("sign-in").addEventListener("click", () => (config.direct ? direct.begin(config.direct) : location.assign("/session/sign-in?return_to=/")));
  at("sign-out").addEventListener("click", () => attempt(signOut));
  at("new").addEventListener("click", () => begin());
  at("more").addEventListener("click", () => attempt(() => list(listCursor)));
  at("earlier").addEventListener("click", () => attempt(earlier));
  at("menu").addEventListener("click", () => menu(!at("conversations").classList.contains("open")));
  at("compose").addEventListener("submit", (event) => { event.preventDefault(); problem(""); attempt(send); });
  at("message").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); at("compose").requestSubmit(); }
  });
  at("cancel").addEventListener("click", () => attempt(cancel));
  at("rename").addEventListener("click", () => { at("new-name").value = open.name; show("rename-form", true); at("new-name").focus(); });
  at("rename-cancel").addEventListener("click", () => show("rename-form", false));
  at("rename-form").addEventListener("submit", (event) => { event.preventDefault(); attempt(rename); });
  at("delete").addEventListener("click", () => { show("delete-form", true); at("delete-no").focus(); });
  at("delete-no").addEventListener("click", () => show("delete-form", false));
  at("delete-yes").addEventListener("click", () => attempt(remove));
}

async function attempt(action) {
  try {
    await action();
  } catch (error) {
    if (error.name === "AbortError") return;
    if (error.status === 401) { show("room", false); show("sign-out", false); show("welcome", true); }
    problem(error.message);
  }
}

function menu(opened) {
  at("conversations").classList.toggle("open", opened);
  at("menu").setAttribute("aria-expanded", String(opened));
}

async function signOut() {
  if (config.direct) return direct.signOut(config.direct);
  const { redirect_to } = await json("POST", "/session/sign-out");
  return location.assign(redirect_to);
}

// --- conversations ---------------------------------------------------------------------------------------------------

async function list(cursor = null) {
  const page = await json("GET", query("/api/conversations", { cursor }));
  if (!cursor) at("conversation-list").replaceChildren();
  for (const conversation of page.conversations) {
    const button = element("button", "", conversation.conversation_name);
    button.type = "button";
    button.dataset.id = conversation.session_id;
    button.addEventListener("click", () => attempt(() => read(conversation)));
    const item = element("li");
    if (conversation.session_id === open.id) open.name = conversation.conversation_name;
    item.append(button);
    at("conversation-list").append(item);
  }
  listCursor = page.next_cursor;
  show("more", listCursor !== null);
  titled();
}

function current() {
  for (const button of at("conversation-list").querySelectorAll("button")) {
    button.setAttribute("aria-current", String(button.dataset.id === open.id));
  }
}

function begin(conversation = { session_id: null, conversation_name: UNNAMED }) {
  opening += 1;
  problem("");
  leave();
  open = { id: conversation.session_id, name: conversation.conversation_name, earlier: null };
  at("messages").replaceChildren();
  for (const id of ["earlier", "rename-form", "delete-form"]) show(id, false);
  titled();
  state("");
  menu(false);
  at("message").focus();
}

function titled() {
  at("title").textContent = open.name;
  show("title-actions", hasHistory() && open.id !== null);
  current();
}

async function read(conversation) {
  begin(conversation);
  const mine = opening;
  const page = await json("GET", query(`/api/conversations/${open.id}`, { from: "end" }));
  if (mine !== opening) return;
  at("messages").replaceChildren(...page.messages.map(written));
  open.earlier = page.previous_cursor;
  show("earlier", open.earlier !== null);
  at("messages").scrollTop = at("messages").scrollHeight;
  const last = page.messages.at(-1);
  if (last && last.role === "user") await resume(last.turn_id);
}

async function earlier() {
  const mine = opening;
  const page = await json("GET", query(`/api/conversations/${open.id}`, { cursor: open.earlier }));
  if (mine !== opening) return;
  at("messages").prepend(...page.messages.map(written));
  open.earlier = page.previous_cursor;
  show("earlier", open.earlier !== null);
}

function written(message) {
  const bubble = new Bubble(message.role, { rehearsal: config.rehearsal });
  bubble.write(message.content);
  if (message.status === "partial") bubble.mark("This answer is not whole.", true);
  if (message.status === "failed") bubble.mark("This turn failed.", true);
  return bubble.root;
}

async function rename() {
  const changed = await json("PATCH", `/api/conversations/${open.id}`, { body: { conversation_name: at("new-name").value } });
  show("rename-form", false);
  open.name = changed.conversation_name;
  titled();
  await list();
}

async function remove() {
  await json("DELETE", `/api/conversations/${open.id}`);
  begin();
  await list();
}

// --- a turn ----------------------------------------------------------------------------------------------------------

async function send() {
  const message = at("message").value;
  if (!message.trim() || running) return;
  const turn = { abort: new AbortController(), turnId: null, conversation: opening, last: null, key: fresh() };
  const mine = new Bubble("user");
  mine.write(message);
  at("messages").append(mine.root);
  at("message").value = "";
  const first = open.id === null;
  try {
    await answered(turn, (answer) => follow(turn, message, answer));
  } catch (error) {
    if (error.status && turn.turnId === null) unsent(mine, message);
    throw error;
  } finally {
    if (hasHistory()) attempt(() => list());
    if (hasHistory() && first) setTimeout(() => attempt(() => list()), 2000); // by then a model may have named it
  }
}

// The message was refused: it goes back to where it was written.
function unsent(bubble, message) {
  bubble.root.nextSibling?.remove();
  bubble.root.remove();
  at("message").value = at("message").value || message;
}

// A turn of the conversation that was opened still runs: its events are read from the first one.
function resume(turnId) {
  const turn = { abort: new AbortController(), turnId, conversation: opening, last: null };
  return answered(turn, (answer) => on(turn, answer));
}

// Fills an answer on the screen while `work` goes on.
async function answered(turn, work) {
  running = turn;
  busy(true);
  const answer = new Bubble("assistant", { rehearsal: config.rehearsal });
  at("messages").append(answer.root);
  at("messages").scrollTop = at("messages").scrollHeight;
  try {
    await work(answer);
  } catch (error) {
    answer.mark(error.name === "AbortError" ? "Stopped." : error.message, true);
    throw error;
  } finally {
    if (running === turn) { running = null; busy(false); }
  }
}

async function follow(turn, message, answer) {
  const response = await sent(turn, message);
  if (turn.conversation !== opening) return;
  turn.turnId = response.headers.get("x-turn-id");
  open.id = open.id || response.headers.get("x-session-id");
  if (open.name === UNNAMED) open.name = message.slice(0, 60);
  titled();
  let finished = await pour(response, turn, answer);
  for (let tries = 0; hasHistory() && !finished && tries < 5; tries += 1) finished = await again(turn, answer);
}

function sent(turn, message) {
  const { signal } = turn.abort;
  if (config.pattern === "direct") {
    open.id = open.id || crypto.randomUUID();
    return direct.invoke(config.direct, message, open.id, signal);
  }
  const session = open.id ? { session_id: open.id } : {};
  if (config.pattern === "conversations") {
    const options = { body: { message, ...session }, accept: "text/event-stream", signal, key: turn.key };
    return call("POST", "/api/chat", options).catch((error) => {
      // No answer at all: whether it arrived is not known, and with the same key it is safe to ask again.
      if (error.status || error.name === "AbortError") throw error;
      return call("POST", "/api/chat", options);
    });
  }
  const body = config.pattern === "front-door" ? { prompt: message, ...session } : { message, ...session };
  const accept = config.pattern === "front-door" ? "text/event-stream" : "application/json";
  return call("POST", "/chat", { body, accept, signal });
}

// A key for one message: however often it is sent, it is answered once.
function fresh() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Writes an answer as it comes. True when its last event was seen, or when it came whole.
async function pour(response, turn, answer) {
  if (!(response.headers.get("content-type") || "").startsWith("text/event-stream")) {
    const value = parsed(await response.text());
    if (value && value.session_id) open.id = value.session_id;
    for (const event of understood(value)) answer.take(event);
    return true;
  }
  for await (const frame of frames(response.body)) {
    if (frame.event === "reset") { answer.clear(); continue; }
    if (frame.id !== null) turn.last = frame.id;
    for (const event of understood(parsed(frame.data))) {
      if (answer.take(event)) return true;
    }
    at("messages").scrollTop = at("messages").scrollHeight;
  }
  return !hasHistory();
}

// The connection broke; the turn did not.
async function again(turn, answer) {
  state("The connection broke; reading on.");
  await new Promise((done) => setTimeout(done, 500));
  return on(turn, answer);
}

// Reads on after the last event seen.
async function on(turn, answer) {
  const response = await call("GET", query(`/api/turns/${turn.turnId}/events`, { after: turn.last }), {
    accept: "text/event-stream",
    signal: turn.abort.signal,
  });
  return pour(response, turn, answer);
}

async function cancel() {
  if (!running) return;
  state("Stopping.");
  if (running.turnId && hasHistory()) await json("POST", `/api/turns/${running.turnId}/cancel`);
  else running.abort.abort();
}

// Another conversation was opened: stop listening. The turn goes on and is there when one comes back.
function leave() {
  if (!running) return;
  running.abort.abort();
  running = null;
  busy(false);
}

function busy(yes) {
  at("send").disabled = yes;
  show("cancel", yes);
  state(yes ? "The agent is answering." : "");
}

start().catch((error) => problem(error.message));
