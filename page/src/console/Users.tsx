// The users of the embedded sign-in.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { isAbort, json, query, Refusal } from "../api/http";
import { CopyButton } from "../parts/CopyButton";
import { Dialog } from "../parts/Dialog";
import { Icon } from "../parts/Icon";
import { Menu, type MenuItem } from "../parts/Menu";
import { reasonOf } from "../state/problems";
import { me } from "../state/session";
import { toast } from "../state/toasts";
import { shell } from "../strings";
import { sections, users as words } from "../strings-console";
import { moment } from "./format";
import { learnNames } from "./names";
import { Badge, Sure, Trouble, Waiting } from "./pieces";
import type { User, UserPage } from "./wire";

const OPERATOR = "operator";
const PAUSE = 250; // milliseconds without a key before a search begins

type Asking = { user: User; what: "disable" | "end" | "roles" } | { what: "add" } | null;

export function Users() {
  const users = useSignal<User[] | null>(null);
  const next = useSignal<string | null>(null);
  const text = useSignal("");
  const problem = useSignal("");
  const elsewhere = useSignal("");
  const asking = useSignal<Asking>(null);
  const reading = useRef<AbortController | null>(null);
  const read = async (cursor: string | null = null) => {
    reading.current?.abort();
    const gone = new AbortController();
    reading.current = gone;
    try {
      const path = query("/api/operator/users", { limit: 50, cursor, q: text.value.trim() || null });
      const page = await json<UserPage>("GET", path, { signal: gone.signal });
      users.value = cursor ? [...(users.value ?? []), ...page.users] : page.users;
      next.value = page.next_cursor;
      problem.value = "";
    } catch (error) {
      if (isAbort(error)) return;
      if (error instanceof Refusal && error.code === "not_embedded") elsewhere.value = error.message;
      else problem.value = reasonOf(error);
    }
  };
  useEffect(() => {
    const timer = setTimeout(() => void read(), users.value === null ? 0 : PAUSE);
    return () => clearTimeout(timer);
  }, [text.value]);
  if (elsewhere.value) {
    return (
      <>
        <h1>{words.elsewhere}</h1>
        <p>{elsewhere.value}</p>
      </>
    );
  }
  const put = (user: User) => {
    users.value = (users.value ?? []).map((one) => (one.subject === user.subject ? user : one));
  };
  return (
    <>
      <h1 class="away">{sections.users}</h1>
      <div class="bar">
        <label class="labelled find">
          <span>{words.search}</span>
          <input
            type="search"
            value={text.value}
            placeholder={words.searchHint}
            onInput={(event) => {
              text.value = event.currentTarget.value;
            }}
          />
        </label>
        <button type="button" class="primary" onClick={() => (asking.value = { what: "add" })}>
          <Icon name="plus" />
          {words.add}
        </button>
      </div>
      <Trouble text={problem.value} retry={() => void read()} />
      {users.value === null && !problem.value && <Waiting />}
      {users.value?.length === 0 && <p class="nothing">{words.none}</p>}
      {users.value !== null && users.value.length > 0 && (
        <Table users={users.value} ask={(asked) => (asking.value = asked)} put={put} />
      )}
      {next.value && (
        <button type="button" class="plain" onClick={() => void read(next.value)}>
          {words.older}
        </button>
      )}
      <Asked
        asking={asking.value}
        put={put}
        onAdded={() => {
          void read();
          void learnNames(true);
        }}
        onClose={() => (asking.value = null)}
      />
    </>
  );
}

interface TableProps {
  users: User[];
  ask: (asking: Asking) => void;
  put: (user: User) => void;
}

function Table({ users, ask, put }: TableProps) {
  return (
    <table class="cards">
      <caption class="away">{words.table}</caption>
      <thead>
        <tr>
          <th scope="col">{words.name}</th>
          <th scope="col">{words.email}</th>
          <th scope="col">{words.roles}</th>
          <th scope="col">{words.state}</th>
          <th scope="col">{words.created}</th>
          <th scope="col">
            <span class="away">{words.actions("")}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {users.map((user) => (
          <tr key={user.subject}>
            <th scope="row">
              {user.username}
              {user.actor_id === me.value?.actor_id && <span class="muted"> ({words.you})</span>}
            </th>
            <td class="wrap">{user.email}</td>
            <td>
              {user.roles.map((role) => (
                <Badge key={role} tone={role === OPERATOR ? "warn" : "plain"}>
                  {role}
                </Badge>
              ))}
            </td>
            <td>
              <Badge tone={user.disabled ? "bad" : "good"}>{user.disabled ? words.disabled : words.enabled}</Badge>
            </td>
            <td class="time" data-label={words.created}>
              {moment(user.created_at)}
            </td>
            <td class="to">
              <Menu label={words.actions(user.username)} class="quiet small" items={actions(user, ask, put)}>
                <Icon name="more" />
              </Menu>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

// Nobody shuts out themselves: the server refuses it, too.
function actions(user: User, ask: TableProps["ask"], put: TableProps["put"]): MenuItem[] {
  const own = user.actor_id === me.value?.actor_id;
  const items: MenuItem[] = [{ label: words.endSessions, act: () => ask({ user, what: "end" }) }];
  if (own) return items;
  items.unshift({
    label: user.roles.includes(OPERATOR) ? words.unmakeOperator : words.makeOperator,
    act: () => ask({ user, what: "roles" }),
  });
  items.push(
    user.disabled
      ? { label: words.enable, act: () => void enable(user, put) }
      : { label: words.disable, danger: true, act: () => ask({ user, what: "disable" }) },
  );
  return items;
}

async function enable(user: User, put: TableProps["put"]): Promise<void> {
  try {
    put(await json<User>("POST", `/api/operator/users/${user.subject}/enable`));
    toast(words.changed(user.username));
  } catch (error) {
    toast(reasonOf(error), { bad: true });
  }
}

interface AskedProps {
  asking: Asking;
  put: (user: User) => void;
  onAdded: () => void;
  onClose: () => void;
}

function Asked({ asking, put, onAdded, onClose }: AskedProps) {
  if (asking === null) return null;
  if (asking.what === "add") return <Add onAdded={onAdded} onClose={onClose} />;
  const { user } = asking;
  const one = `/api/operator/users/${user.subject}`;
  if (asking.what === "end") {
    const act = async () => {
      put(await json<User>("POST", `${one}/end-sessions`));
      toast(words.ended(user.username));
    };
    return <Sure title={words.sureEnd(user.username)} text={words.sureEndText} label={words.endSessions} act={act} onClose={onClose} />;
  }
  if (asking.what === "disable") {
    const act = async () => {
      put(await json<User>("POST", `${one}/disable`));
      toast(words.changed(user.username));
    };
    return (
      <Sure title={words.sureDisable(user.username)} text={words.sureDisableText} label={words.disable} danger act={act} onClose={onClose} />
    );
  }
  const is = user.roles.includes(OPERATOR);
  const act = async () => {
    put(await json<User>("PUT", `${one}/roles`, { body: { roles: is ? [] : [OPERATOR] } }));
    toast(words.changed(user.username));
  };
  const label = is ? words.unmakeOperator : words.makeOperator;
  return <Sure title={words.sureRoles(user.username)} text={words.sureRolesText} label={label} act={act} onClose={onClose} />;
}

function Add({ onAdded, onClose }: { onAdded: () => void; onClose: () => void }) {
  const made = useSignal<{ user: User; password: string } | null>(null);
  const problem = useSignal("");
  const busy = useSignal(false);
  const save = async (event: SubmitEvent) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget as HTMLFormElement);
    busy.value = true;
    problem.value = "";
    try {
      made.value = await json("POST", "/api/operator/users", {
        body: {
          username: String(given.get("name") ?? "").trim(),
          email: String(given.get("email") ?? "").trim(),
          roles: given.get("operator") ? [OPERATOR] : [],
        },
      });
      onAdded();
    } catch (error) {
      problem.value = reasonOf(error);
    }
    busy.value = false;
  };
  if (made.value) {
    const { user, password } = made.value;
    return (
      <Dialog title={words.added(user.username)} onClose={onClose}>
        <p>{words.passwordOnce}</p>
        <p class="password">
          <span class="away">{words.password}</span>
          <code>{password}</code>
          <CopyButton text={password} label={shell.copy} />
        </p>
        <div class="actions">
          <button type="button" class="primary" onClick={onClose}>
            {words.done}
          </button>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title={words.add} onClose={onClose}>
      <form class="stack" onSubmit={(event) => void save(event)}>
        <label class="labelled">
          <span>{words.name}</span>
          <input name="name" required maxLength={64} autocomplete="off" spellcheck={false} />
        </label>
        <label class="labelled">
          <span>{words.email}</span>
          <input name="email" type="email" maxLength={254} placeholder={words.emailHint} autocomplete="off" />
        </label>
        <label class="tick">
          <input type="checkbox" name="operator" />
          <span>
            {words.operator}: {words.operatorHint}
          </span>
        </label>
        <Trouble text={problem.value} />
        <div class="actions">
          <button type="button" class="plain" onClick={onClose}>
            {shell.cancel}
          </button>
          <button type="submit" class="primary" disabled={busy.value}>
            {words.save}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
