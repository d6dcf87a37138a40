/** The sign of TaskFlow: a line of events that ends in a tick. */
export function Mark({ size = 24 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" fill="none" aria-hidden="true">
      <circle cx="2" cy="13" r="1.6" className="fill-current opacity-40" />
      <circle cx="7.2" cy="13" r="1.6" className="fill-current opacity-70" />
      <path d="m11.800 12.800 3.700 3.700 6.300-9.300" className="stroke-accent" strokeWidth="3" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  )
}
