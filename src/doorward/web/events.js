// Server-sent events from a fetch, and what they mean: AG-UI events, or whatever another agent says.

// Yields {id, event, data} for each frame, as WHATWG HTML 9.2.6 reads them.
export async function* frames(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const parts = (rest + value).replace(/\r\n/g, "\n").split("\n\n");
      rest = parts.pop();
      for (const part of parts) {
        const frame = frameOf(part);
        if (frame) yield frame;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function frameOf(text) {
  const frame = { id: null, event: "message", data: "" };
  const data = [];
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith(":")) continue;
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") data.push(value);
    else if (name === "id") frame.id = value;
    else if (name === "event") frame.event = value;
  }
  if (!data.length) return null;
  frame.data = data.join("\n");
  return frame;
}

// Any JSON an agent may say, as a list of AG-UI events.
export function understood(value) {
  if (typeof value === "string") return [text(value)];
  if (value === null || typeof value !== "object") return [text(JSON.stringify(value))];
  if (typeof value.type === "string" && /^[A-Z_]+$/.test(value.type)) return [value];
  if (value.error && value.error_type) return [{ type: "RUN_ERROR", message: String(value.error) }];
  for (const key of ["response", "result", "text", "output", "message", "content"]) {
    if (typeof value[key] === "string") return [text(value[key])];
  }
  if (Array.isArray(value.events)) return value.events.flatMap(understood);
  return [text(JSON.stringify(value))];
}

function text(delta) {
  return { type: "TEXT_MESSAGE_CONTENT", delta };
}

export function parsed(data) {
  try {
    return JSON.parse(data);
  } catch {
    return data;
  }
}
