/** The names of locales, and which of them a program gets: pure policy, no I/O. */
import { canonicalCharset, charsetOfLocale, localeCodeset } from '../../charset/index.ts';

/** The locales of the host. */
export interface HostLocales {
  /** The locale that the server itself runs in, from its environment. */
  readonly own: string | undefined;
  /**
   * The canonical character set of an installed locale, or the C library's name of the set if it has no canonical one.
   * `undefined` if the locale is not installed. `isForeign`: the name comes from a client.
   */
  charsetOf(name: string, isForeign?: boolean): string | undefined;
}

/** The locale that every system has. Its character set is ASCII. */
export const C_LOCALE = 'C';

const UTF_8 = 'UTF-8';
const US_ASCII = 'US-ASCII';

const LATIN_1 = [
  'en_US en_GB de_DE fr_FR es_ES it_IT nl_NL pt_BR pt_PT sv_SE da_DK nb_NO nn_NO fi_FI is_IS ca_ES de_AT de_CH en_AU en_CA',
  'es_MX es_AR fr_BE fr_CA fr_CH aa_DJ af_ZA br_FR de_BE de_IT de_LU en_BW en_DK en_HK en_IE en_NZ en_PH en_SG en_ZA en_ZW',
  'es_BO es_CL es_CO es_CR es_DO es_EC es_GT es_HN es_NI es_PA es_PE es_PR es_PY es_SV es_US es_UY es_VE et_EE eu_ES eu_FR',
  'fo_FO fr_LU ga_IE gl_ES gv_GB id_ID it_CH kl_GL kw_GB ms_MY nl_BE oc_FR om_KE so_DJ so_KE so_SO sq_AL st_ZA sv_FI tl_PH',
  'uz_UZ wa_BE xh_ZA zu_ZA',
].join(' ');
const LATIN_9 = [
  'en_US en_GB de_DE@euro fr_FR@euro es_ES@euro it_IT@euro nl_NL@euro pt_PT@euro fi_FI@euro sv_SE et_EE de_AT@euro de_BE@euro',
  'de_LU@euro en_DK en_IE@euro fr_BE@euro fr_LU@euro nl_BE@euro ga_IE@euro gd_GB gl_ES@euro ca_ES@euro ca_AD ca_FR ca_IT',
  'an_ES ast_ES br_FR@euro eu_ES@euro eu_FR@euro mg_MG sv_FI@euro wa_BE@euro de_DE fr_FR es_ES it_IT nl_NL pt_PT fi_FI',
].join(' ');
const ARABIC = 'ar_EG ar_SA ar_AE ar_BH ar_DZ ar_IQ ar_JO ar_KW ar_LB ar_LY ar_MA ar_OM ar_QA ar_SD ar_SY ar_TN ar_YE';
const CENTRAL = 'pl_PL cs_CZ hu_HU sk_SK sl_SI hr_HR bs_BA ro_RO hsb_DE';
const CYRILLIC = 'ru_RU bg_BG be_BY uk_UA mk_MK sr_RS';
const WESTERN = 'en_US de_DE fr_FR es_ES it_IT pt_BR nl_NL sv_SE da_DK';

/** The languages for which glibc has a locale in the set (its SUPPORTED), then those of code pages. */
const LANGUAGES: ReadonlyMap<string, string> = new Map([
  ['ISO-8859-1', LATIN_1],
  ['ISO-8859-2', CENTRAL],
  ['ISO-8859-3', 'mt_MT'],
  ['ISO-8859-4', 'et_EE lv_LV lt_LT kl_GL'],
  ['ISO-8859-5', CYRILLIC],
  ['ISO-8859-6', ARABIC],
  ['ISO-8859-7', 'el_GR el_CY'],
  ['ISO-8859-8', 'he_IL'],
  ['ISO-8859-9', 'tr_TR tr_CY ku_TR'],
  ['ISO-8859-10', 'lg_UG'],
  ['ISO-8859-11', 'th_TH'],
  ['ISO-8859-13', 'lt_LT lv_LV mi_NZ'],
  ['ISO-8859-14', 'cy_GB'],
  ['ISO-8859-15', LATIN_9],
  ['ISO-8859-16', 'ro_RO'],
  ['KOI8-R', 'ru_RU'],
  ['KOI8-U', 'uk_UA ru_UA'],
  ['KOI8-RU', 'uk_UA'],
  ['KOI8-T', 'tg_TJ'],
  ['TIS-620', 'th_TH'],
  ['ARMSCII-8', 'hy_AM'],
  ['GEORGIAN-PS', 'ka_GE'],
  ['GEORGIAN-ACADEMY', 'ka_GE'],
  ['PTCP154', 'kk_KZ'],
  ['KZ-1048', 'kk_KZ'],
  ['TCVN5712-1', 'vi_VN'],
  ['VISCII', 'vi_VN'],
  ['Shift_JIS', 'ja_JP'],
  ['Windows-31J', 'ja_JP'],
  ['EUC-JP', 'ja_JP'],
  ['EUC-KR', 'ko_KR'],
  ['CP949', 'ko_KR'],
  ['GB2312', 'zh_CN zh_SG'],
  ['GBK', 'zh_CN zh_SG'],
  ['GB18030', 'zh_CN'],
  ['Big5', 'zh_TW zh_HK'],
  ['Big5-HKSCS', 'zh_HK'],
  ['CP950', 'zh_TW'],
  ['EUC-TW', 'zh_TW'],
  ['windows-874', 'th_TH'],
  ['windows-1250', CENTRAL],
  ['windows-1251', CYRILLIC],
  ['windows-1252', WESTERN],
  ['windows-1253', 'el_GR'],
  ['windows-1254', 'tr_TR'],
  ['windows-1255', 'he_IL yi_US'],
  ['windows-1256', ARABIC],
  ['windows-1257', 'lt_LT lv_LV et_EE'],
  ['windows-1258', 'vi_VN'],
  ['IBM437', WESTERN],
  ['IBM850', WESTERN],
  ['IBM00858', WESTERN],
  ['IBM852', CENTRAL],
  ['IBM855', CYRILLIC],
  ['IBM866', CYRILLIC],
  ['IBM857', 'tr_TR'],
  ['IBM869', 'el_GR'],
  ['IBM862', 'he_IL'],
  ['IBM864', ARABIC],
  ['IBM775', 'lt_LT lv_LV et_EE'],
  ['IBM860', 'pt_PT pt_BR'],
  ['IBM861', 'is_IS'],
  ['IBM863', 'fr_CA'],
  ['IBM865', 'nb_NO da_DK'],
]);

/**
 * The locale for a program in a character set: the first that is installed in that set, starting with the server's own
 * language. `C` if there is none: a program in a character set other than that of the screen would draw garbage.
 *
 * @param preferred is tried before all others.
 */
export function installedLocale(charset: string, host: HostLocales, preferred?: string): string {
  const wanted = canonicalCharset(charset);
  if (wanted === undefined || wanted === US_ASCII || localeCodeset(wanted) === undefined) return C_LOCALE;
  const names = wanted === UTF_8 ? utf8Names(host.own) : namesIn(wanted, host.own);
  for (const name of preferred === undefined ? names : [preferred, ...names]) {
    if (host.charsetOf(name) === wanted) return name;
  }
  return C_LOCALE;
}

/** C.UTF-8 needs no installation if the C library includes it (glibc since 2.35, musl, FreeBSD). */
function utf8Names(own: string | undefined): string[] {
  return [...(own === undefined ? [] : [own]), `C.${UTF_8}`, `en_US.${UTF_8}`];
}

function namesIn(charset: string, own: string | undefined): string[] {
  const ownPlace = own === undefined ? '' : placeOf(own);
  const languages = [
    ...(isLanguage(ownPlace) ? [ownPlace] : []),
    'en_US',
    ...(LANGUAGES.get(charset) ?? '').split(' '),
  ];
  const codesets = [...new Set([localeCodeset(charset)!, charset])];
  const names = languages.filter(Boolean).flatMap(language => {
    // The name of a locale with a modifier contains no character set: `de_DE@euro`.
    return language.includes('@') ? [language] : codesets.map(codeset => `${language}.${codeset}`);
  });
  return [...new Set(names)];
}

/** The part before the character set: language and country. */
const placeOf = (locale: string): string => /^[^.@]*/.exec(locale)![0];

/** `C` and `POSIX` have no language. */
const isLanguage = (place: string): boolean => place !== '' && place !== 'C' && place !== 'POSIX';

/**
 * The locale of a program for a locale that a client named. It is that one, if it is installed in the set that its name
 * implies. Otherwise it is the same language in that set, under the usual name; otherwise `undefined`.
 *
 * @param charset the client's, if its locale does not name a character set.
 */
export function installedForm(locale: string, charset: string, host: HostLocales): string | undefined {
  const named = charsetOfLocale(locale);
  const found = host.charsetOf(locale, true);
  // If the set has no canonical name, the locale is accepted as it is.
  if (found !== undefined && (named === undefined || found === named || canonicalCharset(found) === undefined)) {
    return locale;
  }
  const form = localeIn(named ?? charset, locale);
  // C is only for clients that requested it.
  if (form === C_LOCALE) return undefined;
  return host.charsetOf(form, true) === (named ?? canonicalCharset(charset)) ? form : undefined;
}

/** The same language and country in another character set. */
export function localeIn(charset: string, locale: string): string {
  const [, place = '', modifier = ''] = /^([^.@]*)[^@]*(@.*)?$/.exec(locale) ?? [];
  const codeset = localeCodeset(charset);
  if (codeset === undefined || codeset === US_ASCII) return C_LOCALE;
  // Without a language, only UTF-8 has a locale. The modifier @euro is dropped: it implies a set, and the result names
  // its set.
  if (!isLanguage(place)) return codeset === UTF_8 ? `C.${codeset}` : C_LOCALE;
  return `${place}.${codeset}${modifier === '@euro' ? '' : modifier}`;
}

/**
 * The locale for a client that named none, if it is unknown which are installed: `en_US` in the first set that is
 * known.
 */
export function defaultLocale(negotiated?: string, encoding?: string, utf8Locale = `en_US.${UTF_8}`): string {
  const charset = firstCharset(negotiated, encoding);
  if (charset === UTF_8) return utf8Locale;
  // No system has an `en_US.US-ASCII`, and many programs complain about a locale that does not exist. C is ASCII.
  if (charset === US_ASCII) return C_LOCALE;
  const codeset = localeCodeset(charset);
  // The character sets of home computers have no locales either.
  return codeset === undefined ? C_LOCALE : `en_US.${codeset}`;
}

/** The first of these that is a character set, otherwise UTF-8; canonical. */
export function firstCharset(...names: readonly (string | undefined)[]): string {
  return names.map(name => (name === undefined ? undefined : canonicalCharset(name))).find(Boolean) ?? UTF_8;
}
