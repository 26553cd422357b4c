// One message: what the user asked, or what came of it, in parts as they come.

import { useRef } from "preact/hooks";
import { Markdown } from "../markdown/Markdown";
import { CopyButton } from "../parts/CopyButton";
import { Icon, Mark } from "../parts/Icon";
import { useInSight } from "../parts/inSight";
import type { Message } from "../state/message";
import { config, hasHistory } from "../state/session";
import { READ_BY_ITSELF, readSteps } from "../state/steps";
import type { Talk } from "../state/talk";
import { live, problems, talk as words } from "../strings";
import { focusComposer } from "./focus";
import { ToolCard } from "./ToolCard";

interface Props {
  message: Message;
  talk: Talk;
  last: boolean;
}

export function MessageView(props: Props) {
  return props.message.role === "user" ? <Question {...props} /> : <AnswerView {...props} />;
}

function Question({ message, talk }: Props) {
  const edit = () => {
    talk.edit(message);
    focusComposer();
  };
  return (
    <li class="message user">
      <h2 class="away">{words.you}</h2>
      <div class="text">{message.content}</div>
      <div class="acts">
        <CopyButton text={message.content} label={words.copyMessage} />
        <button type="button" class="quiet small" aria-label={words.edit} title={words.edit} onClick={edit}>
          <Icon name="edit" />
        </button>
        <Time at={message.at} />
      </div>
    </li>
  );
}

function AnswerView({ message, talk, last }: Props) {
  const item = useRef<HTMLLIElement>(null);
  useInSight(item, () => {
    if (hasHistory.value && !message.ongoing && message.content.length < READ_BY_ITSELF) void readSteps(message);
  });
  void message.version.value;
  const status = message.status.value;
  const { answer } = message;
  const bad = status === "partial" || status === "failed";
  return (
    <li ref={item} class={`message assistant ${status}`} aria-busy={message.ongoing}>
      <h2 class="by">
        <Mark />
        <span>{words.agent}</span>
      </h2>
      {answer.parts.map((part, index) =>
        part.kind === "tool" ? (
          <ToolCard key={`tool ${part.id}`} tool={part} ongoing={message.ongoing} />
        ) : (
          part.text && <Markdown key={`text ${index}`} text={part.text} />
        ),
      )}
      {message.ongoing && <Progress message={message} />}
      {bad && <Trouble message={message} talk={talk} last={last} />}
      {!message.ongoing && <Foot message={message} talk={talk} last={last} />}
    </li>
  );
}

function Progress({ message }: { message: Message }) {
  const status = message.status.value;
  const what = message.note.value || (status === "waiting" ? words.waiting : status === "sending" ? words.sending : words.thinking);
  const writes = message.answer.parts.at(-1)?.kind === "text" && !message.note.value;
  return (
    <p class="progress">
      <span class="dots" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      <span class={writes ? "away" : ""}>{writes ? live.answering : what}</span>
    </p>
  );
}

function Trouble({ message, talk, last }: Props) {
  const partial = message.status.value === "partial";
  const why = message.note.value || (partial ? "" : words.failedTurn);
  // What the person wanted is no trouble.
  const wanted = why === problems.cancelled || why === problems.superseded || why === words.stopped;
  return (
    <div class={wanted ? "trouble calm" : "trouble"}>
      <Icon name={wanted ? "stop" : "alert"} />
      <span>
        {partial ? `${words.partial} ` : ""}
        {why}
      </span>
      {last && talk.maySend && (
        <button type="button" class="plain" onClick={() => void talk.retry(message)}>
          {words.retry}
        </button>
      )}
    </div>
  );
}

function Foot({ message, talk, last }: Props) {
  const { usage } = message.answer;
  const rehearsal = usage?.model === "rehearsal" || (config().rehearsal && !usage);
  return (
    <div class="acts">
      {message.text && <CopyButton text={message.text} label={words.copyMessage} />}
      {last && talk.maySend && message.status.value === "complete" && (
        <button type="button" class="quiet small" aria-label={words.retry} title={words.retry} onClick={() => void talk.retry(message)}>
          <Icon name="retry" />
        </button>
      )}
      {hasHistory.value && !message.detailed.value && message.content.length >= READ_BY_ITSELF && (
        <button type="button" class="quiet small" onClick={() => void readSteps(message)}>
          {words.steps}
        </button>
      )}
      <span class="facts">
        {rehearsal ? words.rehearsalAnswer : usage?.model ? words.model(usage.model) : ""}
        {usage && (usage.input > 0 || usage.output > 0) && <> · {words.tokens(usage.input, usage.output)}</>}
      </span>
      <Time at={message.at} />
    </div>
  );
}

function Time({ at }: { at: string }) {
  const date = new Date(at);
  return (
    <time dateTime={at} title={date.toLocaleString()}>
      {date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}
    </time>
  );
}
