// What the operators' API says, as docs/reference/http-api.md has it.

export type DoorName = "front_door" | "agent_door" | "tool_door" | "model_door";
export type Window = "hour" | "day";

export interface DoorNow {
  door: DoorName;
  state: "open" | "silent" | "absent";
  allowed_rate: number;
  refused_rate: number;
  refused: Record<string, number>;
  p50: number | null;
  p95: number | null;
  p99: number | null;
}

export interface BudgetOfDay {
  tokens: number | null;
  money: number | null;
}

export interface HouseNow {
  at: number;
  over: number;
  doors: DoorNow[];
  active_turns: number;
  open_streams: number;
  runs: number;
  restarts: number;
  turns_today: number;
  tokens_today: number;
  money_today: number;
  budget: BudgetOfDay;
  silent: string[];
}

type Line = (number | null)[];

export interface DoorSeries {
  door: DoorName;
  allowed_rate: Line;
  refused_rate: Line;
  p50: Line;
  p95: Line;
  p99: Line;
}

export interface Series {
  window: Window;
  at: number[];
  doors: DoorSeries[];
  refused: Record<string, number[]>;
  active_turns: number[];
  open_streams: number[];
  tokens_today: number[];
  money_today: number[];
  budget: BudgetOfDay;
}

export interface Entry {
  chain: string;
  sequence: number;
  at: string;
  door: string;
  verdict: string;
  code: string;
  principal: string;
  on_behalf_of: string;
  action: string;
  resource: string;
  request_id: string;
  turn_id: string;
  hash: string;
}

export interface EntryPage {
  entries: Entry[];
  next_cursor: string | null;
  read_back_to: string | null;
  unread: string[];
}

export interface Chain {
  chain: string;
  state: "holds" | "broken" | "unread";
  entries: number;
  verified_to: number;
  verified_at: string | null;
  whole_at: string | null;
  walking: boolean;
  fault_sequence: number | null;
  fault_reason: string | null;
  head: string;
}

export interface StoryTurn {
  turn_id: string;
  session_id: string;
  actor_id: string;
  status: string;
  started_at: string;
  finished_at: string | null;
  error_code: string | null;
  model: string;
  input_tokens: number;
  output_tokens: number;
}

export interface RequestStory {
  request_id: string;
  entries: Entry[];
  turns: StoryTurn[];
  complete: boolean;
}

export interface User {
  subject: string;
  actor_id: string;
  username: string;
  email: string;
  roles: string[];
  disabled: boolean;
  created_at: string;
}

export interface UserPage {
  users: User[];
  next_cursor: string | null;
}

export interface OpenTurn {
  turn_id: string;
  session_id: string;
  actor_id: string;
  username: string;
  started_at: string;
  request_id: string;
}

export interface Agent {
  name: string;
  stopped_at: string | null;
}

export interface Session {
  owner: string;
  agent: string;
  session_id: string;
  process: number | null;
  started_at: string;
  idle_seconds: number;
  turn_id: string | null;
}

export interface RuntimeView {
  agents: Agent[];
  sessions: Session[];
  total: number;
}

export interface Setting {
  key: string;
  value: string;
  source: "default" | "file" | "environment" | "command line" | "start";
  origin: string;
  description: string;
}

export interface Remark {
  state: "ok" | "note" | "bad";
  text: string;
}
