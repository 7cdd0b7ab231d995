// Texts that are sent together: one sending at a time, and what comes meanwhile goes with the next.

/** Gathers while it waits. */
export class Batch {
  readonly #send: (text: string) => Promise<void>
  #sent: Promise<unknown> = Promise.resolve()
  #next: { text: string; readonly sent: Promise<void> } | undefined

  constructor(send: (text: string) => Promise<void>) {
    this.#send = send
  }

  /** Ends as the sending ends that this text was part of. */
  add(text: string): Promise<void> {
    this.#next ??= { text: '', sent: this.#begin() }
    this.#next.text += text
    return this.#next.sent
  }

  #begin(): Promise<void> {
    const sent = this.#sent.then(() => {
      const text = this.#next?.text ?? ''
      this.#next = undefined
      return this.#send(text)
    })
    this.#sent = sent.catch(() => undefined)
    return sent
  }
}
