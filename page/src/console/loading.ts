// Reads from the API that are shown: once, or again and again while somebody looks.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { isAbort, json, Refusal } from "../api/http";
import { reasonOf } from "../state/problems";

// `data` stays when a later read fails: `problem` is shown beside it then.
export interface Loaded<T> {
  data: T | null;
  problem: string;
  code: string; // of that problem
  loading: boolean;
  reload: () => void;
}

// Reads `path` now, when it changes, and every `every` milliseconds while the page is in sight. Null: nothing yet.
export function useLoaded<T>(path: string | null, every = 0): Loaded<T> {
  const data = useSignal<T | null>(null);
  const problem = useSignal("");
  const code = useSignal("");
  const loading = useSignal(false);
  const again = useSignal(0);
  useEffect(() => {
    if (path === null) return undefined;
    const gone = new AbortController();
    const read = async () => {
      loading.value = true;
      try {
        data.value = await json<T>("GET", path, { signal: gone.signal });
        problem.value = code.value = "";
      } catch (error) {
        if (isAbort(error)) return;
        code.value = error instanceof Refusal ? error.code : "";
        problem.value = reasonOf(error);
      }
      loading.value = false;
    };
    const look = () => {
      if (!document.hidden) void read();
    };
    void read();
    const timer = every ? setInterval(look, every) : 0;
    if (every) document.addEventListener("visibilitychange", look);
    return () => {
      gone.abort();
      clearInterval(timer);
      document.removeEventListener("visibilitychange", look);
    };
  }, [path, every, again.value]);
  return {
    data: data.value,
    problem: problem.value,
    code: code.value,
    loading: loading.value,
    reload: () => {
      again.value += 1;
    },
  };
}
