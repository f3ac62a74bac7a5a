export { default } from 'tintype/loader';
