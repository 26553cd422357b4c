// The place of those who run the house (role `operator`). Its parts are loaded with it.

import "./console.css";
import type { ComponentType } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Account } from "../chat/Account";
import { Mark } from "../parts/Icon";
import { Link } from "../parts/Link";
import { place } from "../state/router";
import { expired, signIn } from "../state/session";
import { problems, product } from "../strings";
import { frame, sections } from "../strings-console";
import { Doctor } from "./Doctor";
import { Ledger } from "./Ledger";
import { Now } from "./Now";
import { Settings } from "./Settings";
import { Story } from "./Story";
import { Turns } from "./Turns";
import { Users } from "./Users";

// What the console itself is shown every few seconds would hide the rest.
const LEDGER = "/console/ledger?console=hide";

interface Section {
  key: keyof typeof sections;
  to: string;
  view: ComponentType;
}

const SECTIONS: Section[] = [
  { key: "now", to: "/console", view: Now },
  { key: "ledger", to: LEDGER, view: Ledger },
  { key: "turns", to: "/console/turns", view: Turns },
  { key: "users", to: "/console/users", view: Users },
  { key: "settings", to: "/console/settings", view: Settings },
  { key: "doctor", to: "/console/doctor", view: Doctor },
];

export function Console() {
  const rest = place.value.view === "console" ? place.value.rest : [];
  const [name = "now", inner] = rest;
  const section = SECTIONS.find((one) => one.key === name && (name !== "now" || rest.length === 0));
  const told = name === "requests" && inner !== undefined && rest.length === 2 ? inner : null;
  const current = told ? "ledger" : section?.key;
  const title = current ? sections[current] : problems.noPage;
  useEffect(() => {
    document.title = `${title} · ${frame.title} · ${product}`;
    return () => {
      document.title = product;
    };
  }, [title]);
  const bar = useRef<HTMLElement>(null);
  useEffect(() => {
    // On a small screen the bar is wider than its window.
    bar.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [current]);
  return (
    <div class="console">
      <a class="skip" href="#content">
        {frame.skip}
      </a>
      <header class="console-top">
        <Link to="/" class="brand" label={frame.backToChat(product)}>
          <Mark />
          <span>{product}</span>
        </Link>
        <nav ref={bar} aria-label={frame.sections}>
          {SECTIONS.map((one) => (
            <Link key={one.key} to={one.to} current={one.key === current}>
              {sections[one.key]}
            </Link>
          ))}
        </nav>
        <Account compact />
      </header>
      {expired.value && (
        <div class="banner warn" role="alert">
          <span>
            <strong>{problems.expiredTitle}.</strong>
          </span>
          <button type="button" class="primary" onClick={() => void signIn()}>
            {problems.signInAgain}
          </button>
        </div>
      )}
      <main id="content" tabIndex={-1}>
        {told ? (
          <Story key={told} id={told} />
        ) : section && rest.length <= 1 ? (
          <section.view key={section.key} />
        ) : (
          <>
            <h1>{problems.noPage}</h1>
            <p>{problems.noPageText}</p>
          </>
        )}
      </main>
    </div>
  );
}
