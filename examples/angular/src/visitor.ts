import { Component, type OnDestroy, signal } from '@angular/core'
import { session } from './session'

@Component({
  selector: 'app-root',
  template: `
    <main>
      <p>
        You are <output>{{ snapshot().id ?? 'not yet a guest' }}</output> ({{ snapshot().status }}).
      </p>
      <button type="button" (click)="visit()">Visit</button>
      <p role="alert">{{ error() }}</p>
    </main>
  `,
})
export class Visitor implements OnDestroy {
  protected readonly snapshot = signal(session.getSnapshot())
  protected readonly error = signal('')
  private readonly unsubscribe = session.subscribe(() => this.snapshot.set(session.getSnapshot()))

  ngOnDestroy(): void {
    this.unsubscribe()
  }

  protected async visit(): Promise<void> {
    try {
      await session.fetch('/me')
      this.error.set('')
    } catch (error) {
      this.error.set(String(error))
    }
  }
}
