/* Tells the server the visitor's time zone, so that days begin and end where he lives.
 * A page whose days are grouped on the server carries [data-zone-matters] and is loaded once more when the zone is news.
 * select[data-zone-proposed] is set to it, where the server could not know it yet.
 */
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const known = document.cookie.split("; ").find((part) => part.startsWith("photohub_tz="))?.slice(12);

function propose() {
  const choice = document.querySelector("select[data-zone-proposed]");
  if (!choice) return;
  if (![...choice.options].some((option) => option.value === zone)) choice.add(new Option(zone, zone));
  choice.value = zone;
}

if (zone && known !== zone) {
  document.cookie = `photohub_tz=${zone}; path=/; max-age=31536000; samesite=lax`;
  propose();
  // Where cookies are refused a reload would go on for ever.
  const isStored = document.cookie.includes(`photohub_tz=${zone}`);
  if (isStored && zone !== "UTC" && document.querySelector("[data-zone-matters]")) location.reload();
}
