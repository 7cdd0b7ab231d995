// Hooks of the app behind the handler, and those for errors, timeouts and clients that left, that misbehave.
import { isBefore, POINTS } from './faults'
import { runPoints } from './hook-cells'

const behind = POINTS.filter((point) => !isBefore(point))
runPoints('Hooks of the app that misbehave behind the handler', behind)
