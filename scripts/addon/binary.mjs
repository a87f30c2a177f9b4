/**
 * Reads the symbols of a shared library: ELF64 and Mach-O 64, little-endian, which is what the prebuilds are.
 *
 * binutils was rejected because Debian's reads no Mach-O, and an installed LLVM because only this check would need it.
 *
 * Sources: System V gABI chapter 5 (dynamic section), LSB Core (symbol versioning), Apple's <mach-o/loader.h>,
 * <mach-o/nlist.h>.
 *
 * @typedef {object} Binary
 * @property {string[]} needed Libraries that the loader must find.
 * @property {Set<string>} imports Undefined symbols.
 * @property {Map<string, { version: string | undefined, isDefault: boolean }[]>} exports Defined dynamic symbols with
 *   their versions.
 */

/** @param {Buffer} file @returns {Binary} */
export function readBinary(file) {
  if (file.readUInt32BE(0) === 0x7f454c46) return readElf(file);
  if (file.readUInt32LE(0) === 0xfeedfacf) return readMachO(file);
  throw new Error('neither ELF nor 64-bit Mach-O');
}

function textAt(file, offset) {
  return file.toString('latin1', offset, file.indexOf(0, offset));
}

function readElf(file) {
  const number = (offset, size) => (size === 8 ? Number(file.readBigUInt64LE(offset)) : file.readUIntLE(offset, size));
  const sectionTable = number(0x28, 8);
  const sectionSize = number(0x3a, 2);
  const sections = Array.from({ length: number(0x3c, 2) }, (_, index) => {
    const at = sectionTable + index * sectionSize;
    return { type: number(at + 4, 4), offset: number(at + 24, 8), size: number(at + 32, 8), link: number(at + 40, 4) };
  });
  const ofType = type => sections.find(section => section.type === type);
  const SHT_DYNAMIC = 6;
  const SHT_DYNSYM = 11;
  const SHT_GNU_VERDEF = 0x6ffffffd;
  const SHT_GNU_VERSYM = 0x6fffffff;

  const needed = [];
  const dynamic = ofType(SHT_DYNAMIC);
  if (dynamic !== undefined) {
    const strings = sections[dynamic.link].offset;
    for (let at = dynamic.offset; at < dynamic.offset + dynamic.size; at += 16) {
      const DT_NEEDED = 1;
      if (number(at, 8) === DT_NEEDED) needed.push(textAt(file, strings + number(at + 8, 8)));
    }
  }

  const versionNames = new Map();
  const definitions = ofType(SHT_GNU_VERDEF);
  if (definitions !== undefined) {
    const strings = sections[definitions.link].offset;
    for (let at = definitions.offset, next = 1; next !== 0; at += next) {
      next = number(at + 16, 4);
      versionNames.set(number(at + 4, 2), textAt(file, strings + number(at + number(at + 12, 4), 4)));
    }
  }

  const imports = new Set();
  const exports = new Map();
  const symbols = ofType(SHT_DYNSYM);
  const versions = ofType(SHT_GNU_VERSYM);
  if (symbols === undefined) throw new Error('no dynamic symbols');
  const strings = sections[symbols.link].offset;
  for (let index = 1; index < symbols.size / 24; index++) {
    const at = symbols.offset + index * 24;
    const name = textAt(file, strings + number(at, 4));
    if (name === '') continue;
    if (number(at + 6, 2) === 0) {
      imports.add(name);
      continue;
    }
    const word = versions === undefined ? 1 : number(versions.offset + index * 2, 2);
    const HIDDEN = 0x8000;
    const known = exports.get(name) ?? [];
    known.push({ version: versionNames.get(word & ~HIDDEN), isDefault: (word & HIDDEN) === 0 });
    exports.set(name, known);
  }
  return { needed, imports, exports };
}

function readMachO(file) {
  const needed = [];
  const imports = new Set();
  const exports = new Map();
  for (let index = 0, at = 32; index < file.readUInt32LE(16); index++) {
    const command = file.readUInt32LE(at);
    const LC_SYMTAB = 0x2;
    const LC_LOAD_DYLIB = 0xc;
    if (command === LC_LOAD_DYLIB) needed.push(textAt(file, at + file.readUInt32LE(at + 8)));
    if (command === LC_SYMTAB) {
      const symbols = file.readUInt32LE(at + 8);
      const strings = file.readUInt32LE(at + 16);
      for (let symbol = 0; symbol < file.readUInt32LE(at + 12); symbol++) {
        const entry = symbols + symbol * 16;
        const type = file[entry + 4];
        const N_EXT = 0x01;
        const N_TYPE = 0x0e;
        if ((type & N_EXT) === 0) continue;
        // C names begin with an underscore there.
        const name = textAt(file, strings + file.readUInt32LE(entry)).replace(/^_/, '');
        if ((type & N_TYPE) === 0) imports.add(name);
        else exports.set(name, [{ version: undefined, isDefault: true }]);
      }
    }
    at += file.readUInt32LE(at + 4);
  }
  return { needed, imports, exports };
}
