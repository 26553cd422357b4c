// What a tool was given and answered, for the eye. Pure.

const SUMMARY = 60; // characters of the arguments beside the name

// JSON with line breaks; anything else as it is.
export function pretty(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? JSON.stringify(value, null, 2) : text;
  } catch {
    return text;
  }
}

// The values of the arguments on one line.
export function brief(text: string): string {
  let said = "";
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return "";
    said = Object.values(value)
      .map((one) => (typeof one === "string" ? one : JSON.stringify(one)))
      .join(", ");
  } catch {
    return "";
  }
  return said.length > SUMMARY ? `${said.slice(0, SUMMARY)}…` : said;
}
