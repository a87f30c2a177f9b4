/** docs/operations.md and packaging/: they describe the metrics, alerts and options that exist. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { serveOptions } from '../../src/cli/options/serve/index.ts';
import { Wire } from '../support/clients/test-client.ts';
import { type Scrape, untilCounted } from '../support/servers/metrics.ts';
import { startServer } from '../support/servers/server.ts';
import { document, table } from './markdown.ts';

const text = document('docs/operations.md');
const documented = table(text, 'metric').map(([name = '', type = '', labels = '', meaning = '']) => ({
  name,
  type,
  labels: [...labels.matchAll(/`?([a-z]+)`?/g)].map(([, label]) => label),
  meaning,
}));

/** A scrape of a server after one of each event that creates a label. */
async function scrapeOf(...args: string[]): Promise<Scrape> {
  await using server = await startServer(['--metrics', '0', '--max-sessions', '1', ...args], { program: ['/bin/cat'] });
  const wire = await Wire.connect(server.port, { ttype: ['xterm'], size: [80, 24] });
  wire.type('x');
  await wire.expect('x');
  const refused = await Wire.connect(server.port);
  await refused.untilEnd();
  await refused.close();
  // Requests LOGOUT.
  wire.negotiate(253, 18);
  await wire.untilEnd();
  await wire.close();
  return await untilCounted(server, { telpty_sessions: 0, 'telpty_hangups_total{reason="logout"}': 1 });
}

describe('docs/operations.md', { timeout: 600_000 }, () => {
  it('has all metrics, their types and labels, and no others', async () => {
    const [alone, workers] = await Promise.all([scrapeOf(), scrapeOf('--workers', '2')]);
    const onlyWorkers = documented.filter(({ meaning }) => meaning.startsWith('only with `--workers`'));
    for (const [found, rows] of [
      [alone, documented.filter(row => !onlyWorkers.includes(row))],
      [workers, documented],
    ] as const) {
      const described = rows.map(({ name, type }) => [name, type]).toSorted();
      assert.deepEqual([...found.types].toSorted(), described);
      for (const { name, labels } of rows) {
        const series = [...found.series.keys()].filter(
          key => key.replace(/(_bucket|_sum|_count)?(\{.*)?$/, '') === name,
        );
        assert.ok(series.length > 0, `${name} has a series`);
        const used = new Set(series.flatMap(key => [...key.matchAll(/[{,]([a-z]+)=/g)].map(([, label]) => label)));
        used.delete('le');
        assert.deepEqual([...used].toSorted(), labels.toSorted(), name);
      }
    }
  });

  it('names only existing options', () => {
    for (const [, option = ''] of text.matchAll(/`--([a-z-]+)/g))
      assert.ok(Object.hasOwn(serveOptions, option), option);
  });

  const known = new Set(documented.map(({ name }) => name));
  /** Checks the metrics and labels of a Prometheus query. */
  function checkQuery(query: string): void {
    const names = [...query.matchAll(/telpty_[a-z_]+/g)].map(([name]) => name);
    assert.ok(names.length > 0 || query.startsWith('up{'), query);
    for (const name of names) assert.ok(known.has(name.replace(/_bucket$/, '')), `${name} in ${query}`);
    const labels = new Set([...documented.flatMap(row => row.labels), 'instance', 'job', 'le']);
    for (const [, label] of query.matchAll(/[{,]([a-z]+)=/g)) assert.ok(labels.has(label), `${label} in ${query}`);
    for (const [, list = ''] of query.matchAll(/\bby \(([^)]*)\)/g))
      for (const label of list.split(', ')) assert.ok(labels.has(label), `${label} in ${query}`);
  }

  it('the dashboard uses existing metrics', () => {
    const { panels, templating } = JSON.parse(document('packaging/grafana/telpty.json'));
    const queries: string[] = panels.flatMap((panel: { targets: { expr: string }[] }) =>
      panel.targets.map(t => t.expr),
    );
    for (const query of queries) checkQuery(query);
    const shown = queries.join('\n');
    for (const name of known)
      assert.ok(shown.includes(name) || /build_info|start_time/.test(name), `${name} must be shown`);
    assert.match(templating.list[1].query.query, /^label_values\(telpty_build_info, instance\)$/);
  });

  it('the alerts use existing metrics and are explained', () => {
    const { groups } = parse(document('packaging/prometheus/telpty.rules.yml'));
    const rules: { alert: string; expr: string; annotations: { summary: string }; labels: { severity: string } }[] =
      groups.flatMap((group: { rules: unknown[] }) => group.rules);
    for (const { expr, annotations, labels } of rules) {
      checkQuery(expr);
      assert.match(annotations.summary, /telpty|programs|keys|worker/);
      assert.match(labels.severity, /^(page|ticket)$/);
    }
    assert.deepEqual(
      table(text, 'alert').map(([name]) => name),
      rules.map(({ alert }) => alert),
    );
  });
});
