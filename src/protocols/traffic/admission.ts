/**
 * Who is let in when more comes than can be decided: a bounded number of requests under way, shared out fairly over the tenants
 * that have any. What does not fit is refused at once; nothing waits without bound and nothing is Green for want of time.
 */

export interface AdmissionLimits {
  /** Requests under way at most. */
  readonly underWayMax: number;
}

export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #byTenant = new Map<string, number>();
  #underWay = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  get underWay(): number {
    return this.#underWay;
  }

  /**
   * Whether one more of this tenant is taken. Up to half of the places anybody may have; of the rest nobody has more than its
   * equal share.
   */
  enter(tenant: string): boolean {
    const { underWayMax } = this.#limits;
    if (this.#underWay >= underWayMax) return false;
    const own = this.#byTenant.get(tenant) ?? 0;
    const tenants = this.#byTenant.size + (own === 0 ? 1 : 0);
    if (this.#underWay >= underWayMax / 2 && own >= underWayMax / tenants) return false;
    this.#byTenant.set(tenant, own + 1);
    this.#underWay += 1;
    return true;
  }

  leave(tenant: string): void {
    const own = this.#byTenant.get(tenant) ?? 0;
    if (own <= 1) this.#byTenant.delete(tenant);
    else this.#byTenant.set(tenant, own - 1);
    if (own > 0) this.#underWay -= 1;
  }
}
