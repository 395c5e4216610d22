/** A volume that cannot be made; becomes the reason FailedMount of an event, in the kubelet's words. */
export class MountFailed extends Error {
  constructor(volume: string, cause: Error) {
    super(`MountVolume.SetUp failed for volume ${JSON.stringify(volume)} : ${cause.message}`, { cause });
    this.name = "MountFailed";
  }
}
