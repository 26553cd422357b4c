// What is on the screen. Text from outside only ever goes in through textContent: it cannot become markup.

export const at = (id) => document.getElementById(id);

export function show(id, visible) {
  at(id).hidden = !visible;
}

export function element(tag, className, content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (content !== undefined) made.textContent = content;
  return made;
}

export function problem(message) {
  at("problem").textContent = message || "";
  show("problem", Boolean(message));
}

export function state(message) {
  at("state").textContent = message || "";
}

// One message on the screen, which an answer in progress goes on filling.
export class Bubble {
  constructor(role, { rehearsal = false } = {}) {
    this.root = element("li", `message ${role}`);
    this.root.append(element("p", "by", role === "user" ? "You" : rehearsal ? "Agent (rehearsal model)" : "Agent"));
    this.tools = new Map();
    this.text = null;
    this.written = "";
  }

  write(delta) {
    if (!this.text) {
      this.text = element("p", "text");
      this.root.append(this.text);
    }
    this.written += delta;
    this.text.textContent = this.written;
  }

  paragraph() {
    if (this.text) this.written += "\n\n";
  }

  tool(id, name) {
    const details = element("details", "tool");
    details.append(element("summary", "", `Tool: ${name}`));
    this.root.append(details);
    this.tools.set(id, { details, input: null, name });
    this.text = null;
    this.written = "";
  }

  toolInput(id, delta) {
    const tool = this.tools.get(id);
    if (!tool) return;
    if (!tool.input) {
      tool.input = element("pre", "input", "");
      tool.details.append(element("span", "by", "Input"), tool.input);
    }
    tool.input.textContent += delta;
  }

  toolResult(id, content) {
    const tool = this.tools.get(id);
    if (!tool) return;
    tool.details.append(element("span", "by", "Result"), element("pre", "result", content));
  }

  mark(message, bad = false) {
    this.root.append(element("p", bad ? "mark bad" : "mark", message));
  }

  clear() {
    while (this.root.children.length > 1) this.root.lastChild.remove();
    this.tools.clear();
    this.text = null;
    this.written = "";
  }

  // Takes one AG-UI event; answers true when it was the last.
  take(event) {
    switch (event.type) {
      case "TEXT_MESSAGE_START": this.paragraph(); return false;
      case "TEXT_MESSAGE_CONTENT":
      case "TEXT_MESSAGE_CHUNK": this.write(String(event.delta ?? "")); return false;
      case "TOOL_CALL_START": this.tool(event.toolCallId, String(event.toolCallName)); return false;
      case "TOOL_CALL_ARGS": this.toolInput(event.toolCallId, String(event.delta ?? "")); return false;
      case "TOOL_CALL_RESULT": this.toolResult(event.toolCallId, String(event.content ?? "")); return false;
      case "CUSTOM": this.custom(event); return false;
      case "RUN_ERROR": this.mark(`The turn did not finish: ${event.message || event.code}`, true); return true;
      case "RUN_FINISHED": return true;
      default: return false;
    }
  }

  custom(event) {
    if (event.name !== "usage" || !event.value) return;
    const { model, inputTokens, outputTokens } = event.value;
    const who = model === "rehearsal" ? "Answered by the rehearsal model, no language model" : `Model ${model}`;
    this.mark(`${who} · ${inputTokens ?? 0} tokens in, ${outputTokens ?? 0} out`);
  }
}
