// Every difference between nginx and Sluice that the cases show, with the reason why it stands.

/** A difference by name: the facts that belong to it, and why it is so. The first that fits a fact counts. */
export interface Difference {
  readonly name: string
  /** A section of an RFC, or a decision of the design. */
  readonly reason: string
  readonly aspect: string | RegExp
  readonly cases?: RegExp
  readonly nginx?: RegExp
  readonly sluice?: RegExp
}

/** The whole list. A difference that is not in it fails the test, and one in it that does not occur fails it too. */
export const DIFFERENCES: readonly Difference[] = []
