/**
 * Tables of options in a document of docs/, each between `<!-- options of COMMAND -->` and `<!-- end of options -->`.
 */
import type { Command } from '../../src/cli/help/command-table.ts';
import type { OptionSection, OptionSpec } from '../../src/cli/options/options.ts';

export function withTables(text: string, commands: ReadonlyMap<string, Command>): string {
  return text.replace(
    /(<!-- options of ([a-z]+)[^>]*-->\n).*?(<!-- end of options -->)/gs,
    (_, begin: string, name: string, end: string) => {
      const command = commands.get(name);
      if (command === undefined) throw new Error(`there is no command ${name}`);
      return `${begin}\n${command.sections.map(table).join('\n')}\n${end}`;
    },
  );
}

function table({ title, options }: OptionSection): string {
  const rows = Object.entries(options).map(([name, spec]) => {
    const short = spec.short === undefined ? '' : `\`-${spec.short}\`, `;
    const head = `${short}\`--${name}${spec.argument === undefined ? '' : ` ${spec.argument}`}\``;
    const more =
      spec.see === undefined ? '' : `; see [${spec.see.replace(/#.*/, '')}](${spec.see.replace(/^docs\//, '')})`;
    return row(head, `${spec.help}${spec.repeatable ? ' (repeatable)' : ''}${more}`, defaultCell(spec));
  });
  return `**${title}**\n\n${row('option', 'meaning', 'default')}| --- | --- | --- |\n${rows.join('')}`;
}

function defaultCell({ argument, default: value, defaultWords }: OptionSpec): string {
  if (defaultWords !== undefined) return defaultWords;
  if (value === undefined) return '';
  return argument === undefined ? 'off' : `\`${value}\``;
}

const row = (...cells: string[]) => `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
