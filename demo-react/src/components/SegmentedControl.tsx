import { ToggleGroup } from 'radix-ui'
import { useId } from 'react'

interface SegmentedControlProps<Value extends string> {
  readonly label: string
  readonly value: Value
  readonly options: Readonly<Record<Value, string>>
  readonly onChange: (value: Value) => void
}

/** A choice between a few options, all of which are visible. */
export function SegmentedControl<Value extends string>({
  label,
  value,
  options,
  onChange,
}: SegmentedControlProps<Value>) {
  const id = useId()
  const names = Object.keys(options) as Value[]
  return (
    <div className="choice">
      <span id={id}>{label}</span>
      <ToggleGroup.Root
        type="single"
        className="segments"
        aria-labelledby={id}
        value={`=${value}`}
        // Pressing the chosen option again keeps it chosen.
        onValueChange={(next) => next !== '' && onChange(next.slice(1) as Value)}
      >
        {names.map((name) => (
          <ToggleGroup.Item
            key={name}
            className="segment"
            // Radix takes an empty value for no choice, so every value gets the prefix `=`.
            value={`=${name}`}
            data-testid={`choose-${name || 'system'}`}
          >
            {options[name]}
          </ToggleGroup.Item>
        ))}
      </ToggleGroup.Root>
    </div>
  )
}
