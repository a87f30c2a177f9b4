/**
 * Checks the links of a static site: `node scripts/site-links.mjs FOLDER`. Every link of a page to the site itself has
 * to lead to a file, and to an element with that id. TypeDoc checks the links of documents before it writes pages; this
 * checks the pages.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const site = resolve(process.argv[2] ?? 'site');
const pages = new Map();
for (const name of readdirSync(site, { recursive: true })) {
  if (name.endsWith('.html')) pages.set(join(site, name), readFileSync(join(site, name), 'utf8'));
}
const idsOf = new Map(
  [...pages].map(([page, html]) => [page, new Set([...html.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id))]),
);

const dead = new Set();
let count = 0;
for (const [page, html] of pages) {
  for (const [, target] of html.matchAll(/\s(?:href|src)="([^"]*)"/g)) {
    if (/^(?:[a-z][a-z+.-]*:|\/\/)/i.test(target)) continue;
    count++;
    const [path, fragment = ''] = target.split('#').map(part => decodeURIComponent(part.replaceAll('&amp;', '&')));
    const place = path === '' ? page : join(dirname(page), path.replace(/\?.*$/, ''));
    // As web servers do.
    const file = place.endsWith('/') ? join(place, 'index.html') : place;
    const isFile = existsSync(file) && statSync(file).isFile();
    if (!isFile || (fragment !== '' && idsOf.get(file)?.has(fragment) === false))
      dead.add(`${relative(site, page)}: ${target}`);
  }
}
for (const line of dead) process.stderr.write(`dead link in ${line}\n`);
process.stdout.write(`${pages.size} pages, ${count} links, ${dead.size} dead\n`);
process.exitCode = dead.size > 0 || pages.size === 0 ? 1 : 0;
