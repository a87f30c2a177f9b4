/** The dialogs: questions about pastes, the login, the settings, the help. */
import { FIELDS, type Field, type Settings, type SettingsStore } from '../settings.ts';
import { button, create, isMac } from './elements.ts';

/** Length of the preview of a text to paste. */
const PREVIEW_CHARACTERS = 2_000;

let dialogs = 0;

/**
 * Shows a modal dialog until it is closed. The browser keeps the focus inside, closes it at Esc, and then returns the
 * focus.
 *
 * @returns the value of the button that closed it; empty for Esc
 */
async function show(title: string, content: readonly (Node | string)[], isClosable = true): Promise<string> {
  const id = `dialog-${++dialogs}`;
  const form = create('form', { method: 'dialog' }, create('h2', { id }, title), ...content);
  const dialog = create('dialog', { attributes: { 'aria-labelledby': id } }, form);
  if (!isClosable) dialog.addEventListener('cancel', event => event.preventDefault());
  document.body.append(dialog);
  dialog.showModal();
  await new Promise(resolve => dialog.addEventListener('close', resolve, { once: true }));
  dialog.remove();
  return dialog.returnValue;
}

const submit = (label: string, value: string, className = '') =>
  create('button', { type: 'submit', value, className }, label);
const actions = (...buttons: readonly HTMLElement[]) => create('div', { className: 'actions' }, ...buttons);

/** Asks whether a text with several lines is to be pasted. */
export async function confirmPaste(text: string): Promise<boolean> {
  const count = text.replace(/\n$/, '').split('\n').length;
  const rest = text.length - PREVIEW_CHARACTERS;
  const shown = text.slice(0, PREVIEW_CHARACTERS) + (rest > 0 ? `\n… and ${rest.toLocaleString('en')} characters` : '');
  const preview = create('pre', { tabIndex: 0, attributes: { 'aria-label': 'Text to paste' } }, shown);
  const question =
    count === 1
      ? 'The text ends with a line end, so the program may run it at once.'
      : 'The program may run each line at once.';
  const answer = await show(count === 1 ? 'Paste a whole line?' : `Paste ${count.toLocaleString('en')} lines?`, [
    create('p', {}, question),
    preview,
    actions(Object.assign(submit('Paste', 'paste', 'primary'), { autofocus: true }), submit('Cancel', '')),
  ]);
  return answer === 'paste';
}

/** Lets the user paste into a field, where the page cannot read the clipboard. */
export async function askForText(): Promise<string | undefined> {
  const field = create('textarea', { rows: 6, autofocus: true, attributes: { 'aria-label': 'Text to paste' } });
  const answer = await show('Paste', [
    create('p', {}, 'The browser did not let the page read the clipboard. Paste the text here.'),
    field,
    actions(submit('Send to the terminal', 'paste', 'primary'), submit('Cancel', '')),
  ]);
  return answer === 'paste' ? field.value : undefined;
}

/** Asks for name and password until `logIn` succeeds; it returns the problem, if there is one. */
export async function askForLogin(
  title: string,
  logIn: (name: string, password: string) => Promise<string | undefined>,
): Promise<void> {
  const name = create('input', { name: 'name', autocomplete: 'username', required: true, autofocus: true });
  name.autocapitalize = 'off';
  name.spellcheck = false;
  const password = create('input', { type: 'password', name: 'password', autocomplete: 'current-password' });
  password.required = true;
  const problem = create('p', { className: 'problem', attributes: { role: 'alert' } });
  const enter = submit('Log in', 'done', 'primary');
  const fields = [create('label', {}, 'Name', name), create('label', {}, 'Password', password)];
  const shown = show(title, [...fields, problem, actions(enter)], false);
  const form = name.form!;
  form.classList.add('login');
  form.addEventListener('submit', async event => {
    event.preventDefault();
    enter.disabled = true;
    problem.textContent = (await logIn(name.value, password.value)) ?? '';
    enter.disabled = false;
    if (problem.textContent === '') (form.parentElement as HTMLDialogElement).close('done');
    else password.select();
  });
  await shown;
}

/** Shows the settings; each change takes effect at once. */
export async function showSettings(settings: SettingsStore): Promise<void> {
  const fields = create('div', { className: 'fields' });
  const fill = () => {
    const entries = Object.entries(FIELDS) as [keyof Settings, Field][];
    const shown = entries.filter(([, { only }]) => only === undefined || isMac);
    fields.replaceChildren(...shown.map(([name, field]) => fieldOf(name, field, settings)));
  };
  fill();
  const reset = button('Reset', () => {
    settings.reset();
    fill();
  });
  await show('Settings', [fields, actions(submit('Close', '', 'primary'), reset)]);
}

function fieldOf(name: keyof Settings, field: Field, settings: SettingsStore): HTMLElement {
  const value = settings.current[name];
  const change = (changed: unknown) => settings.change({ [name]: changed });
  let input: HTMLInputElement | HTMLSelectElement;
  if (field.kind === 'choice') {
    const options = Object.entries(field.choices).map(([key, text]) =>
      create('option', { value: key, selected: key === value }, text),
    );
    input = create('select', {}, ...options);
    input.addEventListener('change', () => change(input.value));
  } else if (field.kind === 'switch') {
    const box = create('input', { type: 'checkbox', checked: value === true, attributes: { role: 'switch' } });
    box.addEventListener('change', () => change(box.checked));
    input = box;
  } else {
    const isNumber = field.kind === 'number';
    const text = create('input', { type: isNumber ? 'number' : 'text', value: String(value) });
    if (isNumber) Object.assign(text, { min: String(field.min), max: String(field.max), required: true });
    else text.spellcheck = false;
    text.addEventListener('input', () => {
      if (text.checkValidity()) change(isNumber ? text.valueAsNumber : text.value);
    });
    input = text;
  }
  input.id = `setting-${name}`;
  const label = create('label', { htmlFor: input.id }, field.label);
  const help = create('small', { id: `${input.id}-help` }, field.help ?? '');
  if (field.help !== undefined) input.setAttribute('aria-describedby', help.id);
  return create('div', { className: 'field' }, label, input, ...(field.help === undefined ? [] : [help]));
}

/** A line of the help: what to press, and what it does. */
export type HelpLine = readonly [keys: string, effect: string];

/** Shows what the keys do. */
export async function showHelp(lines: readonly HelpLine[]): Promise<void> {
  const rows = lines.flatMap(([keys, effect]) => [create('dt', {}, create('kbd', {}, keys)), create('dd', {}, effect)]);
  await show('Keys', [create('dl', { className: 'help' }, ...rows), actions(submit('Close', '', 'primary'))]);
}
