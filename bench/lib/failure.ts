/** An end that the user can do something about: one line on standard error, and this exit status. */
export class Failure extends Error {
  readonly status: 1 | 2;

  constructor(message: string, status: 1 | 2) {
    super(message);
    this.status = status;
  }
}

/** Runs a command's main function, and prints a failure in one line. */
export async function command(name: string, main: () => Promise<void>): Promise<never> {
  try {
    await main();
    process.exit(0);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    process.stderr.write(`${name}: ${error.message}\n`);
    process.exit(error.status);
  }
}
