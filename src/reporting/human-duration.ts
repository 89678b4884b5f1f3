/** A duration for people, in at most two units: `80 ms`, `4.2 s`, `3 min 20 s`, `2 h 05 min`, `3 d 4 h`. */
export function humanDuration(seconds: number): string {
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${two(whole % 60)} s`;
  const hours = Math.floor(Math.round(whole / 60) / 60);
  if (hours < 24) return `${hours} h ${two(Math.round(whole / 60) % 60)} min`;
  const inHours = Math.round(whole / 3600);
  return `${Math.floor(inHours / 24)} d ${inHours % 24} h`;
}

const two = (value: number): string => String(value).padStart(2, '0');
