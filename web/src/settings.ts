/** The choices of the user, kept in this browser. */

/** The settings by name; their texts and choices are in {@link FIELDS}. */
export interface Settings {
  readonly theme: 'system' | 'light' | 'dark' | 'contrast';
  readonly fontSize: number;
  readonly fontFamily: string;
  readonly cursorBlink: boolean;
  readonly scrollback: number;
  readonly bell: 'flash' | 'sound' | 'none';
  readonly pasteQuestion: 'unprotected' | 'always' | 'never';
  readonly programCopy: 'ask' | 'allow' | 'never';
  readonly keyBar: 'touch' | 'always' | 'never';
  readonly screenReader: boolean;
  readonly optionIsMeta: boolean;
  readonly gpu: boolean;
}

/** A field of the settings dialog. */
export type Field = {
  readonly label: string;
  readonly help?: string;
  /** Shown on this system only. */
  readonly only?: 'mac';
} & (
  | { readonly kind: 'choice'; readonly choices: Readonly<Record<string, string>> }
  | { readonly kind: 'number'; readonly min: number; readonly max: number }
  | { readonly kind: 'text' }
  | { readonly kind: 'switch' }
);

/** The fields of the dialog, in their order. */
export const FIELDS: Readonly<Record<keyof Settings, Field>> = {
  theme: {
    kind: 'choice',
    label: 'Theme',
    choices: { system: 'System', light: 'Light', dark: 'Dark', contrast: 'High contrast' },
  },
  fontSize: { kind: 'number', label: 'Font size', min: 6, max: 48 },
  fontFamily: { kind: 'text', label: 'Font', help: 'A font of this device. Empty: its usual monospace font.' },
  cursorBlink: { kind: 'switch', label: 'Blinking cursor' },
  scrollback: { kind: 'number', label: 'Lines kept above the screen', min: 0, max: 100_000 },
  bell: { kind: 'choice', label: 'Bell', choices: { flash: 'Flash', sound: 'Sound', none: 'Off' } },
  pasteQuestion: {
    kind: 'choice',
    label: 'Ask before pasting several lines',
    choices: { unprotected: 'When needed', always: 'Always', never: 'Never' },
    help: 'Not needed with bracketed paste: the program then receives the lines as one text.',
  },
  programCopy: {
    kind: 'choice',
    label: 'Programs may copy to the clipboard',
    choices: { ask: 'Ask', allow: 'Yes', never: 'No' },
    help: 'Programs can never read the clipboard.',
  },
  keyBar: {
    kind: 'choice',
    label: 'Bar with keys',
    choices: { touch: 'Touch screens', always: 'Always', never: 'Never' },
  },
  screenReader: { kind: 'switch', label: 'Screen reader mode' },
  optionIsMeta: { kind: 'switch', label: 'Option key is Meta', only: 'mac' },
  gpu: { kind: 'switch', label: 'Draw with the graphics card' },
};

const KEY = 'telpty.settings';

const DEFAULTS: Settings = {
  theme: 'system',
  fontSize: matchMedia('(pointer: coarse)').matches ? 13 : 15,
  fontFamily: '',
  cursorBlink: !matchMedia('(prefers-reduced-motion: reduce)').matches,
  scrollback: 10_000,
  bell: 'flash',
  pasteQuestion: 'unprotected',
  programCopy: 'ask',
  keyBar: 'touch',
  screenReader: false,
  optionIsMeta: false,
  gpu: true,
};

/** The settings in force, and those who follow them. */
export class SettingsStore {
  #current: Settings = read();
  readonly #followers: ((settings: Settings) => void)[] = [];

  constructor() {
    // Another tab has changed them.
    addEventListener('storage', ({ key }) => {
      if (key === KEY || key === null) this.#use(read());
    });
  }

  get current(): Settings {
    return this.#current;
  }

  /** Calls `follower` now and after each change. */
  follow(follower: (settings: Settings) => void): void {
    this.#followers.push(follower);
    follower(this.#current);
  }

  change(changed: Partial<Settings>): void {
    const settings = valid({ ...this.#current, ...changed });
    try {
      // Defaults are left out, so that they can follow the device.
      const own = Object.entries(settings).filter(([name, value]) => DEFAULTS[name as keyof Settings] !== value);
      localStorage.setItem(KEY, JSON.stringify(Object.fromEntries(own)));
    } catch {
      // Storage is blocked or full: the settings hold until the page is closed.
    }
    this.#use(settings);
  }

  /** Returns to the defaults. */
  reset(): void {
    this.change(DEFAULTS);
  }

  #use(settings: Settings): void {
    this.#current = settings;
    for (const follower of this.#followers) follower(settings);
  }
}

function read(): Settings {
  try {
    return valid(JSON.parse(localStorage.getItem(KEY) ?? '{}'));
  } catch {
    return DEFAULTS;
  }
}

/** Replaces invalid values: the stored settings may be from another version of the page. */
function valid(stored: Readonly<Record<string, unknown>> | Settings): Settings {
  const settings: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(FIELDS)) {
    const value: unknown = Object.hasOwn(stored, name) ? stored[name as keyof typeof stored] : undefined;
    settings[name] = isValid(field, value) ? value : DEFAULTS[name as keyof Settings];
  }
  return settings as unknown as Settings;
}

function isValid(field: Field, value: unknown): boolean {
  if (field.kind === 'choice') return typeof value === 'string' && Object.hasOwn(field.choices, value);
  if (field.kind === 'switch') return typeof value === 'boolean';
  if (field.kind === 'text') return typeof value === 'string' && value.length <= 200;
  return Number.isInteger(value) && (value as number) >= field.min && (value as number) <= field.max;
}
