// The layers of src/. A folder imports only itself and folders of lower layers: no higher layer, no other folder of the
// same layer, no cycle.
const layers = [
  ['^src/errors\\.ts$'],
  ['^src/suggestion\\.ts$', '^src/package\\.ts$'],
  ['^src/options\\.ts$'],
  ['^src/protocol/', '^src/charset/', '^src/native/'],
  ['^src/pty/', '^src/transport/', '^src/screen/'],
  ['^src/session/'],
  ['^src/server/', '^src/client/', '^src/shells/', '^src/recording/'],
  ['^src/index\\.ts$'],
  ['^src/web/'],
  ['^src/cli/'],
];

const folders = layers.flatMap((layer, level) => layer.map(folder => ({ folder, level })));
const upward = folders.map(({ folder, level }) => ({
  name: `layer-${level}-${folder.replace(/[^a-z]+/g, '-').replace(/^-|-$/g, '')}`,
  comment: 'a folder may import only itself and folders of lower layers',
  severity: 'error',
  from: { path: folder },
  to: {
    path: '^src/',
    pathNot: [folder, ...layers.slice(0, level).flat()],
  },
}));

export default {
  forbidden: [
    ...upward,
    {
      name: 'every-file-has-a-layer',
      comment: 'a file outside of all layers would escape the rules: name its folder in .dependency-cruiser.mjs',
      severity: 'error',
      from: { path: '^src/', pathNot: layers.flat() },
      to: {},
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'protocol-is-pure',
      comment: 'the engine does no I/O and runs in browsers: nothing from Node, nothing from npm',
      severity: 'error',
      from: { path: '^src/(protocol/|errors\\.ts$)' },
      to: { pathNot: '^src/(protocol/|errors\\.ts$)' },
    },
    {
      name: 'page-has-the-engine-and-the-player-only',
      comment: 'the page of web/ runs in browsers: of src/ it can have only Telnet and the player of recordings',
      severity: 'error',
      from: { path: '^web/' },
      to: {
        path: '^src/',
        pathNot: '^src/(errors\\.ts$|protocol/|recording/(player/|recording-reader\\.ts$)|screen/xterm\\.ts$)',
      },
    },
    {
      name: 'one-addon-loader',
      comment: 'only src/native/load.ts knows how the addon is found',
      severity: 'error',
      from: { pathNot: '^src/native/load\\.ts$' },
      to: { path: '\\.node$' },
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '\\.node$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
  },
};
