// The floors of the house. A room may import rooms on floors below it, never above, never in circles.
// `errors.ts` is the ground: every room may stand on it, and it stands on nothing.
const floors = [
  ['^src/errors\\.ts$'],
  ['^src/check\\.ts$', '^src/package\\.ts$'],
  ['^src/protocol/', '^src/pty/', '^src/charset/'],
  ['^src/transport/'],
  ['^src/session/'],
  ['^src/server/', '^src/client/', '^src/shells/', '^src/recording/'],
  ['^src/web/', '^src/index\\.ts$'],
  ['^src/cli/'],
];

/** A room reaches only floors strictly below its own, or files inside itself. */
const rooms = floors.flatMap((floor, level) => floor.map(room => ({ room, level })));
const upward = rooms.map(({ room, level }) => ({
  name: `floor-${level}-${room.replace(/[^a-z]+/g, '-').replace(/^-|-$/g, '')}`,
  comment: 'a room may import only itself and the floors below it',
  severity: 'error',
  from: { path: room },
  to: {
    path: '^src/',
    pathNot: [room, ...floors.slice(0, level).flat()],
  },
}));

export default {
  forbidden: [
    ...upward,
    {
      name: 'every-file-has-a-room',
      comment: 'a file outside every room would escape the floors: give it one in .dependency-cruiser.mjs',
      severity: 'error',
      from: { path: '^src/', pathNot: floors.flat() },
      to: {},
    },
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'protocol-is-pure',
      comment: 'the engine does no I/O and runs in browsers: nothing from Node, nothing from npm',
      severity: 'error',
      from: { path: '^src/(protocol/|errors\\.ts$)' },
      to: { pathNot: '^src/(protocol/|errors\\.ts$)' },
    },
    {
      name: 'one-addon-loader',
      comment: 'only src/pty/binding.ts knows how the addon is found',
      severity: 'error',
      from: { pathNot: '^src/pty/binding\\.ts$' },
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
