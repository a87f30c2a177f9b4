/**
 * The names of character sets. One set has many: IANA registers one and its aliases ("ISO_8859-1:1987", "latin1",
 * "IBM819"), a locale writes its own after the dot ("CP1251"), Windows counts code pages (28591).
 *
 * The canonical name is the one that IANA marks as preferred for MIME, else the one that it registers ("IBM437", not
 * "cp437"), in IANA's spelling. A code page that IANA never registered is "CP" and its number, as in the C library.
 *
 * Only sets that a terminal can use have a name: UTF-16 and UTF-32 are full of NUL, which Telnet and terminals treat as
 * padding, and UTF-7 shifts state with printable characters.
 */
import iconv from 'iconv-lite';

interface Row {
  /** The canonical name. */
  readonly name: string;
  /** The part of a locale after its dot, if that is not the canonical name; `''` if no system has such a locale. */
  readonly locale?: string;
  /** The name of iconv-lite, if it knows neither the canonical name nor that of the locale. */
  readonly codec?: string;
  /** Other names, already reduced to lower-case letters and digits; those of the table's patterns are not repeated. */
  readonly aliases?: string;
}

const ROWS: readonly Row[] = [
  { name: 'UTF-8', aliases: 'cp65001 unicode11utf8' },
  {
    name: 'US-ASCII',
    aliases: 'ascii ansix34 ansix341968 ansix341986 isoir6 iso646us iso646irv iso646irv1991 646 us cp367 cp20127',
  },
  { name: 'ISO-8859-1', aliases: 'latin1 l1 isolatin1 isoir100 cp819 cp28591' },
  { name: 'ISO-8859-2', aliases: 'latin2 l2 isolatin2 isoir101 cp28592' },
  { name: 'ISO-8859-3', aliases: 'latin3 l3 isolatin3 isoir109 cp28593' },
  { name: 'ISO-8859-4', aliases: 'latin4 l4 isolatin4 isoir110 cp28594' },
  { name: 'ISO-8859-5', aliases: 'cyrillic isolatincyrillic isoir144 cp28595' },
  { name: 'ISO-8859-6', aliases: 'arabic arabic8 isolatinarabic isoir127 ecma114 asmo708 cp28596' },
  { name: 'ISO-8859-7', aliases: 'greek greek8 isolatingreek isoir126 ecma118 elot928 cp28597' },
  { name: 'ISO-8859-8', aliases: 'hebrew hebrew8 isolatinhebrew isoir138 iso88598i iso88598e cp28598' },
  { name: 'ISO-8859-9', aliases: 'latin5 l5 isolatin5 isoir148 turkish turkish8 cp28599' },
  { name: 'ISO-8859-10', aliases: 'latin6 l6 isolatin6 isoir157 cp28600' },
  { name: 'ISO-8859-11', aliases: 'thai thai8 cp28601' },
  { name: 'ISO-8859-13', aliases: 'latin7 l7 isoir179 cp28603' },
  { name: 'ISO-8859-14', aliases: 'latin8 l8 isoir199 celtic celtic8 isoceltic cp28604' },
  { name: 'ISO-8859-15', aliases: 'latin9 l9 isoir203 cp28605' },
  { name: 'ISO-8859-16', aliases: 'latin10 l10 isoir226 cp28606' },
  { name: 'TIS-620', aliases: 'tis6200 tis62025291 tis62025330 isoir166' },
  { name: 'KOI8-R', aliases: 'cp20866 cp878' },
  { name: 'KOI8-U', aliases: 'cp21866 cp1168' },
  { name: 'KOI8-RU' },
  { name: 'KOI8-T' },
  { name: 'ARMSCII-8' },
  { name: 'GEORGIAN-ACADEMY' },
  { name: 'GEORGIAN-PS' },
  { name: 'PTCP154', locale: 'PT154', aliases: 'pt154' },
  { name: 'KZ-1048', locale: 'RK1048', aliases: 'rk1048 strk10482002' },
  { name: 'TCVN5712-1', aliases: 'tcvn tcvn5712' },
  { name: 'VISCII' },
  { name: 'MIK' },
  { name: 'macintosh', locale: 'MACINTOSH', aliases: 'mac macroman cp10000' },
  { name: 'hp-roman8', locale: 'HP-ROMAN8', aliases: 'roman8 r8 xroman8 cp1051' },
  { name: 'JIS_C6220-1969-ro', codec: 'jp', aliases: 'jp iso646jp isoir14 iso14jisc6220ro' },
  { name: 'GB_1988-80', codec: 'cn', aliases: 'cn iso646cn isoir57 gb198880' },
  { name: 'Shift_JIS', locale: 'SJIS', aliases: 'sjis xsjis mskanji pck' },
  { name: 'Windows-31J', locale: 'CP932', aliases: 'ms31j cp932 ms932' },
  { name: 'EUC-JP', aliases: 'ujis eucpkdfmtjapanese cp51932' },
  { name: 'EUC-KR', aliases: 'korean ksc5601 ksc56011987 ksc56011989 isoir149 cp51949' },
  { name: 'CP949', aliases: 'ms949 uhc' },
  { name: 'GB2312', aliases: 'euccn chinese gb231280 gb23121980 iso58gb231280 isoir58' },
  { name: 'GBK', aliases: 'xgbk cp936 ms936' },
  { name: 'GB18030', aliases: 'cp54936' },
  { name: 'Big5', locale: 'BIG5', aliases: 'cnbig5 xxbig5' },
  { name: 'Big5-HKSCS', locale: 'BIG5-HKSCS' },
  { name: 'CP950', aliases: 'ms950' },
  // Not in iconv-lite: see tables.ts and big5-uao.ts.
  { name: 'Big5-UAO', locale: '', aliases: 'uao uao250 big5bbs big5ptt' },
  { name: 'ATARI-ST', locale: '', aliases: 'atari tos' },
  { name: 'PETSCII', locale: '', aliases: 'petsciishifted petsciilower cbm commodore c64 c128' },
  { name: 'ATASCII', locale: '', aliases: 'atari8bit' },
  { name: 'windows-874', locale: 'CP874', aliases: 'cp874' },
  { name: 'windows-1250', locale: 'CP1250', aliases: 'cp1250 msee' },
  { name: 'windows-1251', locale: 'CP1251', aliases: 'cp1251 mscyrl' },
  { name: 'windows-1252', locale: 'CP1252', aliases: 'cp1252 msansi' },
  { name: 'windows-1253', locale: 'CP1253', aliases: 'cp1253 msgreek' },
  { name: 'windows-1254', locale: 'CP1254', aliases: 'cp1254 msturk' },
  { name: 'windows-1255', locale: 'CP1255', aliases: 'cp1255 mshebr' },
  { name: 'windows-1256', locale: 'CP1256', aliases: 'cp1256 msarab' },
  { name: 'windows-1257', locale: 'CP1257', aliases: 'cp1257 winbaltrim' },
  { name: 'windows-1258', locale: 'CP1258', aliases: 'cp1258' },
  { name: 'IBM437', locale: 'CP437', aliases: 'cp437 pc8codepage437' },
  { name: 'IBM775', locale: 'CP775', aliases: 'cp775 pc775baltic' },
  { name: 'IBM850', locale: 'CP850', aliases: 'cp850 pc850multilingual' },
  { name: 'IBM852', locale: 'CP852', aliases: 'cp852 pcp852' },
  { name: 'IBM855', locale: 'CP855', aliases: 'cp855' },
  { name: 'IBM857', locale: 'CP857', aliases: 'cp857' },
  { name: 'IBM00858', locale: 'CP858', aliases: 'cp858 pcmultilingual850euro' },
  { name: 'IBM860', locale: 'CP860', aliases: 'cp860' },
  { name: 'IBM861', locale: 'CP861', aliases: 'cp861 cpis' },
  { name: 'IBM862', locale: 'CP862', aliases: 'cp862 pc862latinhebrew' },
  { name: 'IBM863', locale: 'CP863', aliases: 'cp863' },
  { name: 'IBM864', locale: 'CP864', aliases: 'cp864' },
  { name: 'IBM865', locale: 'CP865', aliases: 'cp865' },
  { name: 'IBM866', locale: 'CP866', aliases: 'cp866' },
  { name: 'IBM869', locale: 'CP869', aliases: 'cp869 cpgr' },
];

/** Longer names are not looked up: IANA's longest has 45 characters, and a peer may send a megabyte. */
const MAX_NAME_LENGTH = 64;

/** The key of a name: without case and punctuation. */
const keyOf = (name: string) => name.replace(/[^A-Za-z0-9]/g, '').toLowerCase();

/** The year of a standard, which IANA appends: `ISO_8859-1:1987`. */
const YEAR = /:(?:19|20)\d{2}$/;

const byName: ReadonlyMap<string, Row> = new Map(ROWS.map(row => [row.name, row]));
const byKey = new Map<string, Row>();
for (const row of ROWS) {
  for (const key of [keyOf(row.name), ...(row.aliases ?? '').split(' ').filter(Boolean)]) byKey.set(key, row);
}

const CODEPAGE = /^(?:cp|ibm|ccsid|win|windows|dos)?0*(\d{3,5})$/;

function rowOf(name: string): Row | undefined {
  // Nearly all calls have a canonical name, several at the start of each session.
  return byName.get(name) ?? rowOfSpelling(name);
}

function rowOfSpelling(name: string): Row | undefined {
  if (name.length === 0 || name.length > MAX_NAME_LENGTH) return undefined;
  // Names of sets are ASCII. Without this check, dropping other characters would make "Latin❤1" a set.
  if (!/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(name)) return undefined;
  // The unchanged name first: the year is a part of some names (GB_2312-80, KS_C_5601-1987), and the zeros of IBM00858.
  const plain = withoutZeros(name);
  for (const spelling of [name, name.replace(YEAR, ''), plain, plain.replace(YEAR, '')]) {
    const row = rowOfKey(keyOf(spelling));
    if (row !== undefined) return row;
  }
  return undefined;
}

/** Without the zeros in front of a number, also of the part of ISO 8859 where that is not set off: `iso885902`. */
function withoutZeros(name: string): string {
  return name.replace(/(?<!\d)0+(?=\d)/g, '').replace(/(?<=^(?:cs)?iso[^a-z\d]*8859)0+(?=\d)/i, '');
}

function rowOfKey(full: string): Row | undefined {
  // IANA gives each set one more alias for use in code: "cs" before its name.
  for (const key of full.startsWith('cs') ? [full, full.slice(2)] : [full]) {
    const found = byKey.get(key);
    if (found) return found;
    const codepage = CODEPAGE.exec(key)?.[1];
    if (codepage === undefined) continue;
    const page = `cp${codepage}`;
    const known = byKey.get(page);
    if (known) return known;
    if (iconv.encodingExists(page)) return { name: page.toUpperCase() };
  }
  return undefined;
}

/**
 * The canonical name of a character set, whatever its case, punctuation or origin (IANA, locale, code page, codec):
 * `utf8` → `UTF-8`, `latin1` → `ISO-8859-1`, `cp437` → `IBM437`. Undefined for a set that is not known or that no
 * terminal can speak.
 */
export function canonicalCharset(name: string): string | undefined {
  return rowOf(name)?.name;
}

/**
 * The character set as a locale names it, after the dot of `en_US.UTF-8`. Undefined for unknown sets, and for those of
 * home computers and bulletin boards, for which no system has a locale.
 */
export function localeCodeset(charset: string): string | undefined {
  const row = rowOf(charset);
  return row && ((row.locale ?? row.name) || undefined);
}

/** The name in iconv-lite of a character set, given by its canonical name. */
export function codecName(canonical: string): string {
  const row = rowOf(canonical);
  return (
    row?.codec ?? [canonical, row?.locale].find(name => name !== undefined && iconv.encodingExists(name)) ?? canonical
  );
}

/**
 * The canonical character set that a locale names: `de_DE.ISO-8859-1@euro` → `ISO-8859-1`. Undefined if the locale does
 * not name a set (`C`, `ja_JP`: what these mean depends on the system), or names an unknown one.
 */
export function charsetOfLocale(locale: string): string | undefined {
  const codeset = /^[^.@]{0,64}\.([^@]{1,64})(?:@|$)/.exec(locale)?.[1];
  return codeset === undefined ? undefined : canonicalCharset(codeset);
}
