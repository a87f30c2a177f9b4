export function hideCertificates(): void;
export function plainEnvironment(): NodeJS.ProcessEnv;
export function tool(spec: string): Promise<string>;
export function nodeBin(version: string): Promise<string>;
