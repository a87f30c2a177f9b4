/// <reference types="node" preserve="true" />
/**
 * `telpty/web`: a gateway that gives browsers the sessions of a server.
 *
 * @module telpty/web
 */
export { createWebGateway, WebGateway } from './gateway.ts';
export type { WebGatewayOptions } from './options.ts';
