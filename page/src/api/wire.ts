// What the HTTP API says, as docs/reference/http-api.md has it.

export type Pattern = "direct" | "front-door" | "two-doors" | "conversations";
export type OnBusy = "reject" | "enqueue" | "interrupt";

// Where a page signs its user in that has no server of its own for it.
export interface SignInConfig {
  issuer: string;
  authorize_endpoint: string;
  token_endpoint: string;
  end_session_endpoint: string;
  client_id: string;
  scope?: string;
}

export interface DirectConfig extends SignInConfig {
  agent_door: string;
  agent_arn: string;
}

export interface PageConfig {
  pattern: Pattern;
  model: string;
  rehearsal: boolean;
  max_message_characters: number;
  on_busy: OnBusy;
  console: boolean;
  direct: DirectConfig | null;
  // Of a static page (AWS): where the API is, and where to sign in.
  api?: string;
  sign_in?: SignInConfig | null;
}

export interface Me {
  username: string;
  roles: string[];
  actor_id: string;
  csrf_token: string | null;
}

export interface Conversation {
  session_id: string;
  conversation_name: string;
  created_at: string;
  updated_at: string;
  message_count: number;
}

export interface ConversationPage {
  conversations: Conversation[];
  next_cursor: string | null;
}

export interface StoredMessage {
  id: string;
  role: "user" | "assistant";
  content: string;
  timestamp: string;
  turn_id: string;
  status: "complete" | "partial" | "failed";
}

export interface MessagePage {
  session_id: string;
  messages: StoredMessage[];
  next_cursor: string | null;
  previous_cursor: string | null;
}

export interface TurnState {
  turn_id: string;
  session_id: string;
  status: "running" | "completed" | "failed" | "cancelled" | "interrupted";
  error_code: string | null;
}

// An AG-UI event: the type, and fields that depend on it. Nothing about them is believed before it is looked at.
export interface AgentEvent {
  type: string;
  [field: string]: unknown;
}
