// Drawings of 24 units, stroked in the colour of the text. They say nothing by themselves: a control has a name.

const PATHS = {
  menu: "M4 7h16M4 12h16M4 17h16",
  close: "M6 6l12 12M18 6L6 18",
  plus: "M12 5v14M5 12h14",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM20 20l-4-4",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  send: "M12 19V5M6 11l6-6 6 6",
  stop: "M8 8h8v8H8z",
  copy: "M9 9h10v10H9zM15 9V5H5v10h4",
  check: "M5 13l4 4L19 7",
  retry: "M4 12a8 8 0 1 1 2.5 5.8M4 20v-5h5",
  edit: "M4 20l1-4L16 5l3 3L8 19l-4 1zM14 7l3 3",
  down: "M12 5v14M6 13l6 6 6-6",
  chevron: "M9 6l6 6-6 6",
  tool: "M14.5 6.5a4 4 0 0 0-5 5L4 17l3 3 5.500-5.500a4 4 0 0 0 5-5L15 12l-3-3z",
  alert: "M12 4l9 16H3zM12 10v4M12 17h.01",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 20c1.500-4 4.500-5 8-5s6.500 1 8 5",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  export: "M12 4v11M7 10l5 5 5-5M5 20h14",
  signOut: "M14 4H6v16h8M10 12h10M16 8l4 4-4 4",
  gauge: "M4 18a8 8 0 1 1 16 0M12 18l4-6",
  offline: "M4 4l16 16M8.500 13a6 6 0 0 1 2-1M5 9.500A11 11 0 0 1 8 7.700M12 6a11 11 0 0 1 7 3.500M14 12.200a6 6 0 0 1 1.500.800M12 17h.01",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class={name === "more" ? "icon more" : "icon"} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

// The door of the product.
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path class="frame" d="M5 21V5a2 2 0 0 1 2-2h10a2 2 0 0 1 2 2v16z" />
      <path class="leaf" d="M8 21V6.500L15 8v13z" />
      <circle class="knob" cx="13" cy="14.500" r="1" />
    </svg>
  );
}
