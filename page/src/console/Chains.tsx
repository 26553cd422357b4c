// Whether the chains of the ledger hold, and when somebody looked.

import { useSignal } from "@preact/signals";
import { json } from "../api/http";
import { announce } from "../state/live";
import { reasonOf } from "../state/problems";
import { toast } from "../state/toasts";
import { chains as words } from "../strings-console";
import { count, moment, short } from "./format";
import { useLoaded } from "./loading";
import { Badge, type Tone, Trouble } from "./pieces";
import type { Chain } from "./wire";

const EVERY = 15_000; // milliseconds
const WHILE_WALKING = 700;

export function Chains() {
  const fast = useSignal(false);
  const loaded = useLoaded<{ chains: Chain[] }>("/api/operator/ledger/chains", fast.value ? WHILE_WALKING : EVERY);
  const all = loaded.data?.chains ?? [];
  const walking = all.some((chain) => chain.walking);
  if (fast.value && !walking && !loaded.loading) queueMicrotask(() => (fast.value = false));
  const verify = async () => {
    try {
      await json("POST", "/api/operator/ledger/chains/verify");
      announce(words.begun);
      fast.value = true;
      loaded.reload();
    } catch (error) {
      toast(reasonOf(error), { bad: true });
    }
  };
  return (
    <section class="chains" aria-labelledby="chains">
      <h2 id="chains">{words.title}</h2>
      <Trouble text={loaded.problem} retry={loaded.reload} />
      <ul>
        {all.map((chain) => (
          <One key={chain.chain} chain={chain} />
        ))}
      </ul>
      <button type="button" class="plain" disabled={walking} onClick={() => void verify()}>
        {words.verify}
      </button>
    </section>
  );
}

const TONES: Record<Chain["state"], Tone> = { holds: "good", broken: "bad", unread: "warn" };

function One({ chain }: { chain: Chain }) {
  const verified = chain.verified_at
    ? words.verified(count(chain.verified_to), moment(chain.verified_at))
    : words.notYet;
  return (
    <li>
      <strong>{chain.chain}</strong> <Badge tone={TONES[chain.state]}>{words[chain.state]}</Badge>
      {chain.state !== "unread" && (
        <span class="known">
          {words.entries(count(chain.entries))}, {chain.walking ? words.walking : verified}
          {chain.head && (
            <>
              {" · "}
              <code title={`${words.head}: ${chain.head}`}>{short(chain.head)}</code>
            </>
          )}
        </span>
      )}
      {chain.fault_sequence !== null && (
        <span class="alarm">{words.fault(chain.fault_sequence, chain.fault_reason ?? "")}</span>
      )}
    </li>
  );
}
