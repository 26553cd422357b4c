// The way in.

import { Mark } from "../parts/Icon";
import { reasonOf } from "../state/problems";
import { config, failure, signIn } from "../state/session";
import { notes, product, welcome } from "../strings";

export function Welcome() {
  const { direct, rehearsal } = config();
  return (
    <main class="alone">
      <Mark />
      <p class="brand">{product}</p>
      <h1>{welcome.title}</h1>
      <p>{direct ? welcome.textDirect : welcome.text}</p>
      {failure.value !== null && (
        <p class="problem" role="alert">
          {reasonOf(failure.value)}
        </p>
      )}
      <button type="button" class="primary" onClick={() => void signIn()}>
        {welcome.signIn}
      </button>
      {rehearsal && <p class="small-print">{notes.rehearsalLong}</p>}
    </main>
  );
}
