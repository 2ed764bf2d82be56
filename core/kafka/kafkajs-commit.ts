/** A broker of kafkajs that coordinates transactions. */
interface Coordinator {
  endTxn(request: object): Promise<unknown>;
}

interface CoordinatorRequest {
  readonly groupId: string;
  readonly coordinatorType: number;
}

/** The members of kafkajs's cluster that its transactions use. */
interface Cluster {
  /** Repeats work according to the client's retry settings. */
  readonly retrier: Retrier;
  refreshMetadataIfNecessary(): Promise<void>;
  findControllerBroker(): Promise<unknown>;
  findGroupCoordinator(request: CoordinatorRequest): Promise<Coordinator>;
}

interface TransactionOptions {
  readonly cluster: Cluster;
}

type CreateTransactions = (options: TransactionOptions) => object;
type Retrier = <T>(work: () => Promise<T>) => Promise<T>;

/** The coordinator type of transactions, in a request that looks up a coordinator. */
const TRANSACTION = 1;

/**
 * Makes kafkajs repeat the request that ends a transaction, as it repeats all others, when the
 * coordinator fails or moves. The repetition is safe, because it names the producer's id and epoch.
 * It ends the same transaction, reports that the transaction has ended, or fails because another
 * producer has started.
 */
export function repeatingEnd(create: CreateTransactions): CreateTransactions {
  return (options) => {
    const { cluster } = options;
    const findGroupCoordinator = async (request: CoordinatorRequest): Promise<Coordinator> => {
      const broker = await cluster.findGroupCoordinator(request);
      if (request.coordinatorType !== TRANSACTION) return broker;
      const endTxn = (end: object) => {
        let known: Coordinator | undefined = broker;
        return cluster.retrier(async () => {
          const coordinator = known ?? (await cluster.findGroupCoordinator(request));
          known = undefined;
          return coordinator.endTxn(end).catch(retriable);
        });
      };
      return Object.assign(Object.create(broker) as Coordinator, { endTxn });
    };
    const refreshMetadataIfNecessary = () => cluster.refreshMetadataIfNecessary();
    const findControllerBroker = () => cluster.findControllerBroker();
    const { retrier } = cluster;
    const used: Cluster = { retrier, refreshMetadataIfNecessary, findControllerBroker, findGroupCoordinator };
    return create({ ...options, cluster: used });
  };
}

/**
 * Makes CONCURRENT_TRANSACTIONS retriable: an earlier request has ended the transaction, and its
 * markers are being written.
 */
function retriable(error: Error): never {
  if ('type' in error && error.type === 'CONCURRENT_TRANSACTIONS')
    throw new Error('the transaction is being committed or aborted', { cause: error });
  throw error;
}
