// AP-TOL-11: where a link may lead, and how it is shown. Pure.

const SCHEMES = new Set(["http:", "https:", "mailto:"]);
// Characters that turn the direction of writing, or are not seen at all: with them a text can look like another address.
const INVISIBLE = /[\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\u00ad]/g;

export interface Target {
  href: string;
  where: string;
}

// The address as the browser will read it, or null when it leads nowhere that we open.
export function target(href: string): Target | null {
  let url: URL;
  try {
    url = new URL(href.trim());
  } catch {
    return null;
  }
  if (!SCHEMES.has(url.protocol) || url.username || url.password) return null;
  return { href: url.href, where: url.protocol === "mailto:" ? url.pathname : url.host };
}

// Whether a text already says where its link goes.
export function saysWhere(text: string, to: Target): boolean {
  const said = text.trim().toLowerCase();
  return said === to.where || said.startsWith(to.href.toLowerCase().replace(/\/$/, "")) || `${said}/` === to.href.toLowerCase();
}

export function plain(text: string): string {
  return text.replace(INVISIBLE, "");
}

const NAMED: Record<string, string> = {
  amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0", ndash: "–", mdash: "—", hellip: "…", copy: "©",
  times: "×", deg: "°", rarr: "→", larr: "←", euro: "€", middot: "·", bull: "•",
}; // biome-ignore format: a list of words

// Character references, as Markdown allows them in text.
export function decoded(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-zA-Z]{2,8}));/g, (whole, decimal, hex, name) => {
    if (name) return NAMED[name] ?? whole;
    const point = decimal ? Number.parseInt(decimal, 10) : Number.parseInt(hex, 16);
    return point > 0 && point <= 0x10ffff ? String.fromCodePoint(point) : whole;
  });
}
