// Hooks of the app in front of the handler that throw, answer, dawdle or say twice that they are done.
import { isBefore, POINTS } from './faults'
import { runPoints } from './hook-cells'

runPoints('Hooks of the app that misbehave before the handler', POINTS.filter(isBefore))
