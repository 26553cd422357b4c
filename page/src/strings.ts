// Everything that the page says, in English. Another language is another file of this shape.

export const product = "Doorward";

export const shell = {
  skip: "Skip to the message field",
  conversations: "Conversations",
  openList: "Show conversations",
  closeList: "Hide conversations",
  newConversation: "New conversation",
  account: "Account",
  signedInAs: (name: string) => `Signed in as ${name}`,
  signOut: "Sign out",
  signOutEverywhere: "Sign out everywhere",
  console: "Console",
  backToChat: "Back to the chat",
  loading: "Loading",
  close: "Close",
  dismiss: "Dismiss",
  notices: "Notices",
  copy: "Copy",
  copied: "Copied",
  cancel: "Cancel",
  pattern: (name: string) => `Pattern ${name}`,
};

export const welcome = {
  title: "Talk to the agent",
  text: "Sign in, and the conversation is yours: it is kept, it can be found again, and it can be taken along.",
  textDirect: "Sign in, and this page calls the agent door itself with your token.",
  signIn: "Sign in",
};

export const notes = {
  rehearsal: "Rehearsal model",
  rehearsalLong: "Answers come from the rehearsal model: fixed rules, no language model.",
  direct:
    "Pattern direct: this page holds your token and speaks to the agent door itself. There is no place for limits, " +
    "validation or history. This is the pattern to grow out of.",
  noHistory: (pattern: string) => `Pattern ${pattern}: one conversation at a time, and no history of it.`,
};

export const list = {
  search: "Search conversations",
  clearSearch: "Clear the search",
  none: "No conversation yet. What you ask first begins one.",
  nothingFound: (words: string) => `Nothing found for “${words}”.`,
  failed: "The conversations could not be read.",
  tryAgain: "Try again",
  found: (count: number, more: boolean) => `${count}${more ? " or more" : ""} found`,
  options: (name: string) => `Options for ${name}`,
  rename: "Rename",
  newName: "New name",
  save: "Save",
  exportMarkdown: "Export as Markdown",
  exportJson: "Export as JSON",
  notExported: (why: string) => `The conversation could not be exported. ${why}`,
  delete: "Delete",
  deleted: (name: string) => `“${name}” is deleted.`,
  undo: "Undo",
  restored: (name: string) => `“${name}” is back.`,
  notDeleted: (name: string, why: string) => `“${name}” could not be deleted. ${why}`,
  today: "Today",
  yesterday: "Yesterday",
};

export const talk = {
  messages: "Messages",
  untitled: "New conversation",
  greeting: "What would you like to know?",
  greetingText: "Ask in your own words. The answer comes as it is written, with what the agent did on the way.",
  suggestions: ["What time is it in Tokyo?", "My name is Ada. What is my name?", "Please stream 40 words"],
  you: "You",
  agent: "Agent",
  earlier: "Show earlier messages",
  toLatest: "Go to the newest message",
  notFound: "There is no such conversation.",
  notFoundText: "It may have been deleted, or it belongs to somebody else.",
  failed: "The conversation could not be read.",
  thinking: "The agent is thinking",
  waiting: "Waits until the answer before it is done",
  sending: "Sending",
  reconnecting: "The connection broke. Reading on where it was.",
  stopped: "Stopped.",
  partial: "This answer is not whole.",
  failedTurn: "This turn failed.",
  copyMessage: "Copy",
  retry: "Try again",
  edit: "Edit and send again",
  model: (name: string) => `Model ${name}`,
  rehearsalAnswer: "Answered by the rehearsal model, no language model",
  tokens: (input: number, output: number) => `${input.toLocaleString("en")} tokens in, ${output.toLocaleString("en")} out`,
  notFinished: (why: string) => `The answer did not finish. ${why}`,
  steps: "Show how this was answered",
};

export const tool = {
  label: (name: string) => `Tool: ${name}`,
  running: "running",
  done: "done",
  took: (milliseconds: number) =>
    milliseconds < 1000 ? `${Math.max(1, Math.round(milliseconds))} ms` : `${(milliseconds / 1000).toFixed(1)} s`,
  input: "Arguments",
  result: "Result",
  noInput: "none",
  noResult: "It has not answered.",
};

export const code = {
  label: (language: string) => (language ? `Code, ${language}` : "Code"),
  copy: "Copy the code",
};

export const markdown = {
  image: (alt: string) => (alt ? `Image: ${alt}` : "Image"),
  goesTo: (host: string) => `(${host})`,
  table: "Table",
  done: "done",
  open: "to do",
};

export const composer = {
  label: "Message",
  placeholder: "Write a message",
  send: "Send",
  stop: "Stop",
  stopping: "Stopping",
  hint: "Enter sends, Shift+Enter makes a new line.",
  tooLong: (over: number) => `${over.toLocaleString("en")} characters too many`,
  left: (count: number) => `${count.toLocaleString("en")} characters left`,
  busyReject: "One message at a time: wait for the answer, or stop it.",
  busyEnqueue: "Your next message waits until this answer is done.",
  busyInterrupt: "Your next message stops this answer.",
  restored: "Your draft is back.",
};

export const live = {
  answering: "The agent is answering.",
  usesTool: (name: string) => `The agent uses the tool ${name}.`,
  finished: "The answer is complete.",
  stopped: "The answer was stopped.",
  failed: "The answer did not finish.",
};

export const problems = {
  offline: "You are offline. What you write is kept; it can be sent when the connection is back.",
  notSent: "Not sent yet. It is kept: send it when the connection is back.",
  noConnection: "You are offline. Try again when the connection is back.",
  noAnswer: "The server does not answer. Try again in a moment.",
  tooOften: (when: string) => `That was a lot in a short time. Try again ${when}.`,
  unreachable: "The server does not answer. Your message is kept: try again in a moment.",
  expiredTitle: "Your session has ended",
  expired: "Sign in again to go on where you were. What you wrote is kept on this device.",
  signInAgain: "Sign in again",
  limited: (when: string) => `That was a lot in a short time. It opens again ${when}. Your message is kept.`,
  limitedOver: "It is open again: you can send your message now.",
  budget: (when: string) => `Today’s budget is used up. It opens again ${when}. Your message is kept.`,
  tooManyTurns: "Too many of your answers run at once. Wait for one, or stop it. Your message is kept.",
  agentDown: "The agent does not answer right now. Try again in a moment; your question is kept above.",
  agentFailed: "The agent failed on this question. Try again, or ask in other words.",
  agentTimeout: "The agent took too long and was stopped. Try again, or ask for less.",
  serverClosing: "The server is restarting. Try again in a moment.",
  turnActive: "An answer of this conversation is being written. Wait for it, or stop it. Your message is kept.",
  queueFull: "Too many messages wait in this conversation. Wait for an answer. Your message is kept.",
  queueTimeout: "Your message waited too long and was not sent. It is back in the message field.",
  superseded: "A newer message took its place.",
  cancelled: "You stopped it.",
  interrupted: "The server was restarted meanwhile.",
  tooLarge: "The message is too long.",
  now: "now",
  inSeconds: (count: number) => (count === 1 ? "in 1 second" : `in ${count} seconds`),
  inMinutes: (count: number) => (count === 1 ? "in 1 minute" : `in ${count} minutes`),
  inHours: (hours: number, minutes: number) => `in ${hours} h ${minutes} min`,
  atClock: (relative: string, clock: string) => `${relative}, at ${clock}`,
  noPage: "There is no such page",
  noPageText: "The address leads nowhere.",
  broken: "Something went wrong on this page",
  brokenText: "What you wrote is kept. Load the page again to go on.",
  reload: "Load again",
  cannotStart: "The page could not be started",
};
