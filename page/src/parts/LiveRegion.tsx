// Where a screen reader hears what happens.

import { said } from "../state/live";

export function LiveRegion() {
  return (
    <div class="away" role="log" aria-live="polite" aria-relevant="additions" data-testid="live">
      {said.value.map((one) => (
        <p key={one.id}>{one.text}</p>
      ))}
    </div>
  );
}
