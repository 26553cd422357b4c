// The message field is where one goes on.

export function focusComposer(): void {
  const field = document.getElementById("message") as HTMLTextAreaElement | null;
  field?.focus();
  field?.setSelectionRange(field.value.length, field.value.length);
}
