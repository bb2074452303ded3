import { bootstrapApplication } from '@angular/platform-browser'
import { Visitor } from './visitor'

bootstrapApplication(Visitor).catch((error: unknown) => console.error(error))
