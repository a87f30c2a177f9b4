/** The page of the web gateway: puts its parts together. */
import { type Config, logIn, logOut } from './connection/gateway.ts';
import { Input } from './connection/input.ts';
import type { Ending } from './connection/link.ts';
import { Session, type SessionState } from './connection/session.ts';
import { askForLogin, askForText, confirmPaste, type HelpLine, showHelp, showSettings } from './controls/dialogs.ts';
import { byId, isMac } from './controls/elements.ts';
import { isFullScreen, toggleFullScreen } from './controls/full-screen.ts';
import { KeyBar } from './controls/key-bar.ts';
import { Menu, type MenuItem } from './controls/menu.ts';
import { Notice, showLink, toast } from './controls/notices.ts';
import { SearchBar } from './controls/search-bar.ts';
import { type ShortcutName, Shortcuts } from './controls/shortcuts.ts';
import { Recordings } from './recordings/recordings.ts';
import { SettingsStore } from './settings.ts';
import { Bell } from './terminal/bell.ts';
import { Clipboard } from './terminal/clipboard.ts';
import { saveText } from './terminal/save.ts';
import { Terminal } from './terminal/terminal.ts';
import { scrollByTouch } from './terminal/touch.ts';

const base = new URL('.', document.baseURI);
const hasTouch = matchMedia('(pointer: coarse)');

const settings = new SettingsStore();
const terminal = new Terminal(byId('terminal'), settings, showLink);
const { xterm } = terminal;
const notice = new Notice();
const bell = new Bell(byId('terminal'), settings);
const search = new SearchBar(terminal);

let config: Config = { title: 'Terminal', login: 'none', user: null };
let programTitle = '';
/** Whether something has happened in this tab while the user looked at another one. */
let hasRung = false;
/** Whether the user has asked for the end of the session. */
let isLeaving = false;

// Input and output.

const session = new Session(base, () => xterm, {
  received: bytes => {
    terminal.write(bytes);
    input.received();
  },
  outdated: () => terminal.discardOutput(),
  markRequested: answer => terminal.afterWrites(answer),
  echoChanged: () => input.echoChanged(),
  stateChanged,
  configured: received => {
    config = received;
    showTitle();
  },
});

const encoder = new TextEncoder();
const input = new Input(text => terminal.write(encoder.encode(text)));

const keyBar = new KeyBar(xterm, terminal.textInput, {
  paste: () => void clipboard.paste(),
  menu: () => menu.press(),
});

xterm.onData(typed => {
  const data = keyBar.modified(typed);
  const { kind } = session.state;
  if (kind === 'open' || kind === 'connecting') input.type(data);
  else if (data === '\r') void session.start();
});
// Reports of the mouse in the oldest encoding: bytes, which are not text.
xterm.onBinary(data => input.bytes(Uint8Array.from(data, one => one.charCodeAt(0))));
xterm.onResize(size => session.link?.resize(size));
xterm.onTitleChange(title => {
  programTitle = title;
  showTitle();
});
xterm.onBell(() => {
  bell.ring();
  hasRung ||= document.hidden;
  showTitle();
});

function showTitle(): void {
  document.title = `${hasRung ? '🔔 ' : ''}${programTitle.trim() || config.title}`;
}

// The state of the connection.

let countdown: number | undefined;

function stateChanged(state: SessionState, before: SessionState): void {
  clearInterval(countdown);
  const again = (label: string) => [{ label, run: () => void restart() }];
  if (state.kind === 'open') {
    notice.hide();
    input.use(session.link!);
    focusTerminal();
  } else if (state.kind === 'ended') {
    terminal.note(`[${endText(state.ending)}]`);
    notice.show(`${endText(state.ending)} Press Enter to start again.`, again('Start again'));
  } else if (state.kind === 'lost') {
    const text = lostText(state.ending);
    if (state.ending.wasOpen) terminal.note(`[${text}]`);
    notice.show(text, again('Try now'), 'problem');
    const tick = () =>
      notice.count(`Next attempt in ${Math.max(0, Math.ceil((state.retryAt - Date.now()) / 1_000))} s.`);
    tick();
    countdown = window.setInterval(tick, 1_000);
  } else if (state.kind === 'connecting' && before.kind === 'lost') notice.count('Connecting …');
  else if (state.kind === 'connecting' && before.kind !== 'idle') notice.hide();
  else if (state.kind === 'login') {
    notice.hide();
    void logInHere().then(() => session.start());
  }
  if (state.kind !== 'open') {
    programTitle = '';
    input.reset();
  }
  if (state.kind !== 'open' && state.kind !== 'connecting') input.forget();
  showTitle();
}

function logInHere(): Promise<void> {
  return askForLogin(config.title, (name, password) => logIn(base, name, password));
}

function restart(): Promise<void> {
  focusTerminal();
  return session.start();
}

function endText({ code, reason }: Ending): string {
  if (code === 1008) return 'The server does not allow this connection.';
  if (code !== 1000) return `The connection was ended because of an error (${code}).`;
  if (reason === 'idle-timeout') return 'The session was idle for too long, and was ended.';
  if (reason === 'session-timeout') return 'The session has reached its longest duration, and was ended.';
  if (reason === 'refused') return 'The server does not accept more sessions now.';
  return 'The program has ended.';
}

function lostText({ code, reason, wasOpen }: Ending): string {
  if (!wasOpen) return 'The server cannot be reached.';
  if (code === 1001 || reason === 'shutdown') return 'The server was stopped.';
  return 'The connection was lost.';
}

addEventListener('beforeunload', event => {
  if (session.state.kind === 'open' && !isLeaving) event.preventDefault();
});

// The user's tools.

const clipboard = new Clipboard(xterm, settings, {
  confirmPaste,
  askForText,
  offerCopy: (text, copy) => {
    // The rest of the output of a program that has ended must not hide the line that says so.
    if (session.state.kind !== 'open') return;
    const accept = () => {
      copy();
      closeOffer();
    };
    const size = text.length === 1 ? '1 character' : `${text.length.toLocaleString('en')} characters`;
    notice.show(`The program requests to copy ${size} to the clipboard.`, [
      { label: 'Copy', run: accept },
      { label: 'Refuse', run: closeOffer },
    ]);
  },
  say: toast,
  pasted: focusTerminal,
});

function closeOffer(): void {
  notice.hide();
  focusTerminal();
}

const recordings = new Recordings(base, settings, {
  logIn: logInHere,
  closed: () => {
    focusTerminal();
    if (session.state.kind === 'idle') void session.start();
  },
});

const run: Readonly<Record<ShortcutName, () => void>> = {
  copy: () => void clipboard.copy(),
  search: () => search.open(),
  save: () => saveText(terminal.text, programTitle || config.title),
  menu: () => menu.toggle(),
};
const shortcuts = new Shortcuts(run);

const menu = new Menu(menuItems, focusTerminal);

function menuItems(): readonly (MenuItem | undefined)[] {
  const isSelected = xterm.hasSelection();
  const { fontSize } = settings.current;
  const sized = (size: number) => () => {
    settings.change({ fontSize: size });
    focusTerminal();
  };
  return [
    {
      label: isSelected ? 'Copy' : 'Copy the screen',
      ...(isSelected ? { keys: shortcuts.keys('copy') } : {}),
      run: () => void clipboard.copy(() => terminal.screenText).then(focusTerminal),
    },
    { label: 'Paste', keys: isMac ? '⌘V' : 'Ctrl+Shift+V', run: () => void clipboard.paste() },
    { label: 'Search', keys: shortcuts.keys('search'), run: run.search },
    { label: 'Save as text', keys: shortcuts.keys('save'), run: run.save },
    undefined,
    { label: 'Larger text', run: sized(fontSize + 1) },
    { label: 'Smaller text', run: sized(fontSize - 1) },
    {
      label: isFullScreen() ? 'Leave full screen' : 'Full screen',
      run: () => void toggleFullScreen().then(focusTerminal),
    },
    undefined,
    ...(config.recordings === true ? [{ label: 'Recordings', run: () => recordings.open() }] : []),
    { label: 'Settings', run: () => void showSettings(settings).then(focusTerminal) },
    { label: 'Keys', run: () => void showHelp(help()).then(focusTerminal) },
    ...(config.user === null ? [] : [{ label: `Log out (${config.user})`, run: () => void leave() }]),
  ];
}

async function leave(): Promise<void> {
  isLeaving = true;
  await logOut(base);
  location.reload();
}

function help(): HelpLine[] {
  return [
    [shortcuts.keys('menu'), 'Menu'],
    [shortcuts.keys('copy'), 'Copy the selection'],
    [isMac ? '⌘V' : 'Ctrl+Shift+V, Shift+Insert', 'Paste'],
    [shortcuts.keys('search'), 'Search; Enter goes to older matches, Shift+Enter to newer ones'],
    [shortcuts.keys('save'), 'Save what was shown as text'],
    ['Shift+PageUp, Shift+PageDown', 'Scroll'],
    [isMac ? 'Option+drag' : 'Shift+drag', 'Select text in a program that uses the mouse'],
    [isMac ? '⌘+click' : 'Ctrl+click', 'Open a link'],
    [isMac ? '⌘+, ⌘−' : 'Ctrl++, Ctrl+−', 'Larger and smaller page'],
  ];
}

function focusTerminal(): void {
  // On phones this would open the keyboard.
  if (!hasTouch.matches && document.querySelector('dialog[open], :popover-open') === null) xterm.focus();
}

byId('full-screen').addEventListener('click', () => void toggleFullScreen().then(focusTerminal));
byId('screen-reader').addEventListener('click', () => {
  settings.change({ screenReader: true });
  toast('Screen reader mode is on.');
  xterm.focus();
});
settings.follow(({ keyBar: rule, screenReader }) => {
  keyBar.element.hidden = !(rule === 'always' || (rule === 'touch' && hasTouch.matches));
  byId('screen-reader').hidden = screenReader;
});
hasTouch.addEventListener('change', () => settings.change({}));
scrollByTouch(xterm);
xterm.textarea?.setAttribute('aria-label', `Terminal input. ${shortcuts.keys('menu')} opens the menu.`);

// The tools fade while the user types.
xterm.onKey(() => document.body.classList.add('typing'));
addEventListener('pointermove', () => document.body.classList.remove('typing'));

// The part of the window that the keyboard of a phone leaves free. (Browsers that resize the window itself agree.)
const viewport = window.visualViewport;
function useViewport(): void {
  if (viewport === null) return;
  const isZoomed = viewport.scale > 1.01;
  document.body.style.height = isZoomed ? '' : `${viewport.height}px`;
  document.body.style.transform = isZoomed ? '' : `translateY(${viewport.offsetTop}px)`;
}
viewport?.addEventListener('resize', useViewport);
viewport?.addEventListener('scroll', useViewport);

document.addEventListener('visibilitychange', () => {
  hasRung &&= document.hidden;
  showTitle();
});

focusTerminal();
if (recordings.isRequested) recordings.open();
else void session.start();
