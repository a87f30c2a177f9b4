export interface Finding {
  line: number;
  phrase: string;
  rule: string;
  reason: string;
  write: string;
  report: boolean;
}
export interface Rule {
  id: string;
  pattern: RegExp;
  reason: string;
  write: string;
  bad: string;
  good: string;
  report?: boolean;
}
export interface Unit {
  kind: 'comment' | 'string' | 'markdown';
  text: string;
  lines: { start: number; line: number; length: number }[];
}
export const RULES: Rule[];
export const EXCEPTIONS: { rule: string; file: string; text?: string; reason: string }[];
export const EXCLUDED: { file: string; reason: string }[];
export function extract(file: string, source: string): Unit[] | undefined;
export function findings(file: string, source: string): Finding[];
export function sentences(text: string): { text: string; at: number }[];
