// The types of journey.cjs.
import type { SluiceOptions } from 'fastify-sluice'

export const EXPECTED: object
export function startOrigin(): Promise<{ url: string; close(): Promise<void> }>
export function makeFolder(): { root: string; remove(): void }
export function optionsFor(origin: { url: string }, root: string): SluiceOptions
export function travel(app: object, url: string): Promise<object>
