export function compilerPath(): string;
