/** What the settings say about who may have a session. */
import type { PlacesOptions } from '../shells/places.ts';
import type { ServeSettings } from './settings.ts';

/** The limits that are counted where all sessions are known. */
export function placesOptions(settings: ServeSettings): PlacesOptions {
  const { maxSessions, maxPerIp, connectRate, maxNegotiating } = settings;
  return { maxSessions, maxPerAddress: maxPerIp, connectRate, maxNegotiating };
}
