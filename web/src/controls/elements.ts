/** Elements of the page. */

/** The element with this id, which index.html has. */
export function byId<E extends HTMLElement = HTMLElement>(id: string): E {
  return document.getElementById(id) as E;
}

type Properties<E> = { readonly [name in Exclude<keyof E, 'attributes'>]?: E[name] } & {
  readonly attributes?: Readonly<Record<string, string>>;
};

/** A new element. */
export function create<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties<HTMLElementTagNameMap[K]> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const { attributes = {}, ...rest } = properties;
  const element = Object.assign(document.createElement(tag), rest);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** An icon for a button, drawn with the path of an SVG of 20 by 20 units. */
export function icon(path: string): SVGSVGElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const shape = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  svg.setAttribute('viewBox', '0 0 20 20');
  svg.setAttribute('aria-hidden', 'true');
  shape.setAttribute('d', path);
  svg.append(shape);
  return svg;
}

/** A button that does something when it is pressed. */
export function button(label: string, press: () => void, className = ''): HTMLButtonElement {
  const made = create('button', { type: 'button', className }, label);
  made.addEventListener('click', press);
  return made;
}

/** Whether this system has a Command key. */
export const isMac = /Mac|iPhone|iPad/.test(navigator.platform);
