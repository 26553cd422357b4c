// Calls back once, when something comes into sight.

import { useEffect } from "preact/hooks";

export function useInSight(what: { current: Element | null }, seen: () => void): void {
  useEffect(() => {
    if (!what.current) return undefined;
    const observer = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      seen();
    });
    observer.observe(what.current);
    return () => observer.disconnect();
  }, []);
}
